"""Tokens as we count them, where no provider does: roughly. Knows no model's own way."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

_BYTES = 4
"""Of a token of English text; other scripts have more bytes to a character, and more tokens."""

_ATTACHMENT = 4000
"""Bytes that an image or a file counts for: its size says nothing of its tokens."""


def count_tokens(said: Any) -> int:
    """About how many tokens a text has, or messages, or definitions of tools."""
    return -(-_size(said) // _BYTES)


def _size(said: Any) -> int:
    if isinstance(said, str):
        return len(said) if said.isascii() else len(said.encode("utf-8", "surrogatepass"))
    if isinstance(said, (dict, Mapping)):  # a dict is known at once; to ask an abstract class is slow
        return _size_of_mapping(cast(Mapping[str, Any], said))
    if isinstance(said, (list, Sequence)):
        return sum(map(_size, cast(Sequence[Any], said)))
    return 0 if said is None else 1


def _size_of_mapping(said: Mapping[str, Any]) -> int:
    if said.get("type") in ("image", "image_url", "input_audio", "video_url", "file", "audio", "video"):
        return _ATTACHMENT
    return sum(map(len, said)) + sum(map(_size, said.values()))
