"""Bytes cut into lines, none of which is longer than it may be. Knows nothing of what they say."""

from collections.abc import Iterator
from dataclasses import dataclass

_ENDS = 1024
"""Bytes that are kept of either end of a line that is too long: enough to see which request it answers."""


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line that was not kept: its ends, and how many bytes it had."""

    head: bytes
    tail: bytes
    size: int


class Lines:
    """Cuts what is fed to it, in time that grows with the bytes and not with the square of a line's length."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._begin()

    def feed(self, data: bytes) -> Iterator[bytes | Overlong]:
        """The lines that end in `data`, without their newlines."""
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._take(piece)
            yield self._whole()
            self._begin()
        self._take(rest)

    @property
    def size(self) -> int:
        """Bytes of the line that has not ended yet."""
        return self._size

    def _begin(self) -> None:
        self._kept, self._tail, self._size = bytearray(), b"", 0

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= self._most:
            self._kept += piece
            return
        if not self._tail:
            self._tail = bytes(self._kept[-_ENDS:])
            self._kept = (self._kept + piece[:_ENDS])[:_ENDS]
        self._tail = (self._tail + piece[-_ENDS:])[-_ENDS:]

    def _whole(self) -> bytes | Overlong:
        if self._size <= self._most:
            return bytes(self._kept)
        return Overlong(bytes(self._kept), self._tail, self._size)
