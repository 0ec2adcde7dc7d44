"""Bytes in, messages out, and back. No sockets, no JSON: it knows only where a message begins and ends.

Two framings are understood, told apart by the first byte of a connection: newline-delimited JSON, and `Content-Length`
headers. What is sent mirrors what came. Before either, one line `AGIWOD/1 …` may name the face.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from agiwo_protocol.errors import MessageTooLarge, ParseError, RpcError
from agiwo_protocol.limits import MAX_MESSAGE
from agiwo_protocol.preface import MAX_PREFACE, OPENING, Preface, read_preface

MAX_HEADERS: Final = 8 * 1024
"""Bytes of the largest header block: a peer that sends more of it never comes to the point."""

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")

Style = Literal["newline", "content-length"]


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something that is no message. `fatal`: the place where the next one begins is lost, so the connection ends."""

    error: RpcError
    fatal: bool


Frame = bytes | Preface | Malformed
"""What a feed finds: the body of a message, the opening line, or what was neither."""


class Framing:
    """The framing of one connection, both ways."""

    def __init__(self, *, limit: int = MAX_MESSAGE, style: Style | None = None) -> None:
        self.style: Style | None = style
        self._limit = limit
        self._prefaced = False
        self._chunks: list[bytes] = []
        self._held = 0
        self._skipping = False
        self._need: int | None = None
        self._broken = False

    def wrap(self, body: bytes) -> bytes:
        """A message as it goes out."""
        if self.style == "content-length":
            return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        return body + b"\n"

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order."""
        return list(self._feed(data))

    def finish(self) -> list[Frame]:
        """What the end of the stream completes: a last line without its newline."""
        if self._broken or self._skipping or self.style == "content-length":
            return []
        line = b"".join(self._take())
        return [line] if line.strip() else []

    def _feed(self, data: bytes) -> Iterator[Frame]:
        if self.style is None and not self._broken:
            data = yield from self._open(data)
        if self._broken or self.style is None:
            return
        yield from self._lines(data) if self.style == "newline" else self._bodies(data)

    def _open(self, data: bytes) -> Generator[Frame, None, bytes]:
        """Look at the first bytes; returns what is left for the framing that they tell."""
        data = b"".join((*self._take(), data)).lstrip(b" \t\r\n")
        if self._prefaced or not OPENING.startswith(data[: len(OPENING)]):
            self.style = "content-length" if data[:1] in (b"C", b"c") else "newline"
            return data
        line, newline, rest = data.partition(b"\n")
        if not newline and len(line) <= MAX_PREFACE:
            self._hold(data)
            return b""
        self._prefaced = True
        yield self._preface(line)
        return b"" if self._broken or not rest.strip() else (yield from self._open(rest))

    def _preface(self, line: bytes) -> Frame:
        try:
            return read_preface(line)
        except RpcError as error:
            self._broken = True
            return Malformed(error, fatal=True)

    def _hold(self, data: bytes) -> None:
        if data:
            self._chunks.append(data)
            self._held += len(data)

    def _take(self) -> list[bytes]:
        """What was held back, in pieces. A long line is joined once, when it is complete, and not for each piece."""
        chunks, self._chunks, self._held = self._chunks, [], 0
        return chunks

    def _lines(self, data: bytes) -> Iterator[Frame]:
        *complete, rest = data.split(b"\n")
        for line in complete:
            if self._skipping:
                self._skipping = False
            elif self._held + len(line) > self._limit:
                self._take()
                yield self._too_large(fatal=False)
            else:
                whole = b"".join((*self._take(), line)) if self._chunks else line
                if whole and not whole.isspace():
                    yield whole
        if self._skipping:
            return
        self._hold(rest)
        if self._held > self._limit:
            self._take()
            self._skipping = True
            yield self._too_large(fatal=False)

    def _too_large(self, *, fatal: bool) -> Malformed:
        return Malformed(
            MessageTooLarge(f"a message may have {self._limit} bytes at most", limit=self._limit), fatal=fatal
        )

    def _bodies(self, data: bytes) -> Iterator[Frame]:
        if self._need is not None and self._held + len(data) < self._need:
            self._hold(data)
            return
        data = b"".join((*self._take(), data))
        position = 0
        while not self._broken:
            if self._need is None:
                position = yield from self._headers(data, position)
            if self._need is None or len(data) - position < self._need:
                break
            yield data[position : position + self._need]
            position, self._need = position + self._need, None
        if not self._broken:
            self._hold(data[position:])

    def _headers(self, data: bytes, position: int) -> Generator[Frame, None, int]:
        """Read a header block at `position` if it is complete; returns where the body begins."""
        end = _BLANK_LINE.search(data, position, position + MAX_HEADERS)
        if end is None:
            if len(data) - position > MAX_HEADERS:
                yield self._lost("the headers have no end")
            return position
        length = _content_length(data[position : end.start()])
        if length is None:
            yield self._lost("there is no usable Content-Length header")
        elif length > self._limit:
            self._broken = True
            yield self._too_large(fatal=True)
        else:
            self._need = length
        return end.end()

    def _lost(self, why: str) -> Malformed:
        self._broken = True
        return Malformed(ParseError(why), fatal=True)


def _content_length(headers: bytes) -> int | None:
    for line in headers.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.strip()
        if name.strip().lower() == b"content-length" and value.isdigit() and len(value) < 16:
            return int(value)
    return None
