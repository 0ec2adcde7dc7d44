"""Text and JSON as a record can hold them, of whatever a tool gave. Knows no result."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from agiwo.errors import ToolError
from agiwo.schema.slices import json_slices, texts
from agiwo.schema.text import decodable
from agiwo.tool.nesting import write_json

_STORED = 64 * 1024 * 1024
"""Characters of one text that are kept at all."""


def text_of(content: object) -> str:
    """Text that every reader can decode: objects as JSON, half a surrogate pair as the sign for no character.

    Raises: ToolError when the content is neither text nor JSON data.
    """
    return bounded(decodable(content) if isinstance(content, str) else json_of(content).decode())


def json_of(value: object) -> bytes:
    """The value as JSON, with words in place of the numbers that JSON has none for.

    Raises: ToolError when it is not JSON data.
    """
    try:
        return _write(value)
    except TypeError as error:
        raise ToolError(f"the tool's result cannot be stored: {error}") from error


def long_text_of(content: object) -> str:
    """As `text_of`, in slices: for a thread beside the event loop's."""
    if not isinstance(content, str):
        return long_json_of(content)
    if all(map(_is_decodable, texts(content))):
        return bounded(content)
    return _joined(map(decodable, texts(content)))


def long_json_of(value: object, plain: Callable[[Any], object] = lambda value: value) -> str:
    """As `json_of`, in slices, each of which `plain` makes JSON data before it is written.

    Raises: ToolError when it is not JSON data.
    """
    try:
        return _joined(each.decode() for each in json_slices(value, lambda part: _write(plain(part))))
    except TypeError as error:
        raise ToolError(f"the tool's result cannot be stored: {error}") from error


def bounded(text: str) -> str:
    """The text, or as much of it as is kept, and that there was more."""
    if len(text) <= _STORED:
        return text
    return text[:_STORED] + _dropped(len(text) - _STORED)


def _write(value: object) -> bytes:
    text = write_json(value)
    return write_json(_worded(value)) if b"null" in text else text


def _worded(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {name: _worded(member) for name, member in cast(dict[str, object], value).items()}
    if isinstance(value, list | tuple):
        return [_worded(member) for member in cast(Sequence[object], value)]
    return value


def _is_decodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _joined(pieces: Iterable[str]) -> str:
    """The pieces as one text, as long as it is kept; how much more there was is counted and not held."""
    kept: list[str] = []
    left, dropped = _STORED, 0
    for piece in pieces:
        if len(piece) > left:
            dropped += len(piece) - left
            piece = piece[:left]
        kept.append(piece)
        left -= len(piece)
    return "".join([*kept, _dropped(dropped)] if dropped else kept)


def _dropped(characters: int) -> str:
    return f"\n[… {characters:,} more characters were dropped …]"
