"""A response's bytes with its chunks merged, before the HTTP client parses them. Sans-IO; knows no event.

Providers send every token as an HTTP chunk of its own, and the client makes an event of each chunk: three quarters of
what a token costs. HTTP gives the borders between chunks no meaning, so those that came in one read may be one.
"""

import re
from typing import Literal

_HEAD_END = re.compile(rb"\n\r?\n")
_CHUNKED = re.compile(rb"^transfer-encoding:[ \t]*chunked[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_INFORMATIONAL = re.compile(rb"HTTP/1\.\d 1\d\d")

_LONGEST_HEAD = 100 * 1024
"""Bytes of a head that are looked at; the client refuses longer ones, so they may as well reach it."""

_LONGEST_SIZE = 4096
"""Bytes of a line that announces a chunk; what is longer is no such line."""


class ChunkMerger:
    """Passes one response after the other. What it does not understand it passes on, for the client to refuse."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A request is being sent: what comes next is the head of its response."""
        self._part: Literal["head", "chunks", "rest"] = "head"
        self._held = b""  # a head or a size line that is not whole yet
        self._left = 0  # bytes of the current chunk that are still to come, with the line end behind it

    def feed(self, data: bytes) -> bytes:
        """The bytes to parse in the place of these; none when they only began a line."""
        if self._part == "rest":
            return data
        data, self._held = self._held + data, b""
        return self._merge(data) if self._part == "chunks" else self._pass_head(data)

    def end(self) -> bytes:
        """What was held back, once the connection has ended."""
        held, self._held = self._held, b""
        return held

    def _pass_head(self, data: bytes) -> bytes:
        found = _HEAD_END.search(data)
        if found is None:
            if len(data) > _LONGEST_HEAD:
                self._part = "rest"
                return data
            self._held = data
            return b""
        head, body = data[: found.end()], data[found.end() :]
        if _INFORMATIONAL.match(head):
            return head + (self._pass_head(body) if body else b"")
        self._part = "chunks" if _CHUNKED.search(head) else "rest"
        return head + self.feed(body)

    def _merge(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            if self._left:
                stop = min(at + self._left, end)
                pieces.append(data[at : max(at, min(stop, at + self._left - 2))])
                self._left -= stop - at
                at = stop
                continue
            line_end = data.find(b"\r\n", at, at + _LONGEST_SIZE)
            if line_end < 0 and end - at < _LONGEST_SIZE:
                self._held = data[at:]
                break
            size = _size_in(data[at:line_end]) if line_end >= 0 else 0
            if size <= 0:  # the last chunk, or nonsense
                self._part = "rest"
                return _chunk_of(pieces) + data[at:]
            self._left = size + 2
            at = line_end + 2
        return _chunk_of(pieces)


def _size_in(line: bytes) -> int:
    """The size that a chunk's first line announces; 0 when it announces the last chunk or makes no sense."""
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        return 0


def _chunk_of(pieces: list[bytes]) -> bytes:
    whole = b"".join(pieces)
    return b"%x\r\n%b\r\n" % (len(whole), whole) if whole else b""
