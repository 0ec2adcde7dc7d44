"""The order of an answer's blocks, with the signatures of its thoughts, as Anthropic's wire wants them back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

_SIZES: Final[Mapping[str, int]] = {"text": 2, "thinking": 3, "redacted": 2, "call": 1}
"""How a part is written: `["text", n]`, `["thinking", n, signature]`, `["redacted", data]`, `["call"]`."""


class Layout:
    """The order in which an answer's blocks came, and the signatures of its thoughts.

    An answer is kept as one text and one line of thought; the provider wants back the very blocks that it sent. So this
    travels with the answer, as text without a meaning to anybody else.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: list[list[Any]] | None = None) -> None:
        self._parts: list[list[Any]] = parts or []

    @classmethod
    def of(cls, signature: Any) -> "Layout | None":
        """The layout that was written as this; None when it is none of ours."""
        if not isinstance(signature, str) or not signature.startswith('[["'):
            return None
        try:
            parts = orjson.loads(signature)
        except orjson.JSONDecodeError:
            return None
        return cls(parts) if all(_SIZES.get(part[0]) == len(part) for part in parts) else None

    @property
    def signature(self) -> str | None:
        """The layout as text; None for an answer without thoughts, which needs none."""
        if not any(part[0] in ("thinking", "redacted") for part in self._parts):
            return None
        return orjson.dumps(self._parts).decode()

    def begin_text(self) -> None:
        """A block of text begins."""
        self._parts.append(["text", 0])

    def text(self, length: int) -> None:
        """The block of text goes on."""
        self._parts[-1][1] += length

    def begin_thought(self, signature: str) -> None:
        """A thought begins."""
        self._parts.append(["thinking", 0, signature])

    def thought(self, length: int) -> None:
        """The thought goes on."""
        self._parts[-1][1] += length

    def sign(self, signature: str) -> None:
        """The thought is signed."""
        self._parts[-1][2] += signature

    def redacted(self, data: str) -> None:
        """A thought that is not for us."""
        self._parts.append(["redacted", data])

    def call(self) -> None:
        """A tool call."""
        self._parts.append(["call"])

    def fits(self, text: str, reasoning: str, calls: int) -> bool:
        """Whether an answer still is what it was: one that was redacted, say, is not, and its signatures are void."""
        lengths = {"text": 0, "thinking": 0, "call": 0, "redacted": 0}
        for kind, *rest in self._parts:
            lengths[kind] += rest[0] if kind in ("text", "thinking") else 1
        return (lengths["text"], lengths["thinking"], lengths["call"]) == (len(text), len(reasoning), calls)

    def blocks(self, text: str, reasoning: str, calls: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The blocks as they came."""
        at = {"text": 0, "thinking": 0}
        rest = iter(calls)
        for kind, *what in self._parts:
            if kind == "redacted":
                yield {"type": "redacted_thinking", "data": what[0]}
            elif kind == "call":
                yield next(rest)
            else:
                source = text if kind == "text" else reasoning
                piece = source[at[kind] : at[kind] + what[0]]
                at[kind] += what[0]
                if kind == "thinking":
                    yield {"type": "thinking", "thinking": piece, "signature": what[1]}
                elif piece.strip():
                    yield {"type": "text", "text": piece}
