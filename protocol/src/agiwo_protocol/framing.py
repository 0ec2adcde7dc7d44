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

_NO_LINE_END = re.compile(rb"[^\r\n]")

_MOST_DIGITS = 30
"""Digits of a length that are read: what has more is too large in any case, and costs nothing to say so."""

Style = Literal["newline", "content-length"]


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something that is no message. `fatal`: the place where the next one begins is lost, so the connection ends."""

    error: RpcError
    fatal: bool


Frame = bytes | Preface | Malformed
"""What a feed finds: the body of a message, the opening line, or what was neither."""


class Framing:
    """The framing of one connection, both ways. `limit` is how many bytes a message may have from now on."""

    def __init__(self, *, limit: int = MAX_MESSAGE, style: Style | None = None) -> None:
        self.style: Style | None = style
        self.limit = limit
        self._prefaced = False
        self._held = bytearray()
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
        line = self._joined(b"")
        return [line] if line.strip() else []

    @property
    def held(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._held)

    def give_up(self, error: RpcError) -> Malformed:
        """Let go of a message that is not whole yet, and of what is still to come of it; the error takes its place."""
        self._held = bytearray()
        self._skipping = self.style != "content-length"
        self._broken = not self._skipping
        return Malformed(error, fatal=self._broken)

    def _feed(self, data: bytes) -> Iterator[Frame]:
        if self.style is None and not self._broken:
            data = yield from self._open(data)
        if self._broken or self.style is None:
            return
        yield from self._lines(data) if self.style == "newline" else self._bodies(data)

    def _open(self, data: bytes) -> Generator[Frame, None, bytes]:
        """Look at the first bytes; returns what is left for the framing that they tell."""
        data = self._joined(data).lstrip(b" \t\r\n")
        if self._prefaced or not OPENING.startswith(data[: len(OPENING)]):
            self.style = "content-length" if data[:1] in (b"C", b"c") else "newline"
            return data
        line, newline, rest = data.partition(b"\n")
        if not newline and len(line) <= MAX_PREFACE:
            self._held += data
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

    def _joined(self, data: bytes) -> bytes:
        """What was held back, and `data` behind it. A long message is held in one piece, however it was cut."""
        if not self._held:
            return data
        held, self._held = self._held, bytearray()
        held += data
        return bytes(held)

    def _lines(self, data: bytes) -> Iterator[Frame]:
        *complete, rest = data.split(b"\n")
        for line in complete:
            if self._skipping:
                self._skipping = False
            elif len(self._held) + len(line) > self.limit:
                self._held.clear()
                yield self._too_large(fatal=False)
            else:
                whole = self._joined(line)
                if whole and not whole.isspace():
                    yield whole
        if self._skipping:
            return
        self._held += rest
        if len(self._held) > self.limit:
            self._held.clear()
            self._skipping = True
            yield self._too_large(fatal=False)

    def _too_large(self, *, fatal: bool) -> Malformed:
        return Malformed(
            MessageTooLarge(f"a message may have {self.limit} bytes at most", limit=self.limit), fatal=fatal
        )

    def _bodies(self, data: bytes) -> Iterator[Frame]:
        if self._need is not None and len(self._held) + len(data) < self._need:
            self._held += data
            return
        data = self._joined(data)
        position = 0
        while not self._broken:
            if self._need is None:
                position = yield from self._headers(data, position)
            if self._need is None or len(data) - position < self._need:
                break
            yield data[position : position + self._need]
            position, self._need = position + self._need, None
        if not self._broken:
            self._held += data[position:]

    def _headers(self, data: bytes, position: int) -> Generator[Frame, None, int]:
        """Read a header block at `position` if it is complete; returns where the body begins."""
        start = _NO_LINE_END.search(data, position)
        if start is None:
            return position if len(data) - position <= MAX_HEADERS else len(data)
        position = start.start()
        if not data[position : position + 1].isalpha():
            yield self._lost("a header is expected here, and this is none")
            return position
        end = _BLANK_LINE.search(data, position, position + MAX_HEADERS)
        if end is None:
            if len(data) - position > MAX_HEADERS:
                yield self._lost("the headers have no end")
            return position
        lengths = _content_lengths(data[position : end.start()])
        length = lengths.pop() if len(lengths) == 1 else None
        if length is None:
            yield self._lost("the headers must have one Content-Length, a number of bytes")
        elif length > self.limit:
            self._broken = True
            yield self._too_large(fatal=True)
        else:
            self._need = length
        return end.end()

    def _lost(self, why: str) -> Malformed:
        self._broken = True
        return Malformed(ParseError(why), fatal=True)


def _content_lengths(headers: bytes) -> set[int | None]:
    """What each Content-Length header says; None for one that is no number."""
    found: set[int | None] = set()
    for line in headers.split(b"\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            digits = value.strip()
            found.add(int(digits[:_MOST_DIGITS]) if digits.isdigit() else None)
    return found
