"""A channel: frames come in, bodies go out, and nobody waits longer than the other side is slow. Knows no JSON.

`receive` gives what has come since the last time, all at once; while nobody calls it, the socket is not read.
`write` never waits. A sender that could outrun its reader looks at `is_full` first, and awaits `drained`.
"""

import asyncio
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from agiwo_protocol.errors import RpcError
from agiwo_protocol.framing import Frame, Framing
from agiwo_protocol.limits import HIGH_WATER
from agiwo_protocol.preface import Preface


class ChannelClosed(ConnectionError):
    """The channel has ended; nothing more can be sent or received."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The process at the other end of a socket, and its user."""

    pid: int
    uid: int


class Channel(Protocol):
    """One connection, whatever it is made of."""

    @property
    def credentials(self) -> Credentials | None:
        """Who is at the other end, where the operating system tells."""
        ...

    async def receive(self) -> list[Frame]:
        """The frames that have come, in order, at least one; an empty list at the end."""
        ...

    def write(self, body: bytes) -> None:
        """Send one message. Returns at once; what is written to a channel that has ended is dropped."""
        ...

    @property
    def backlog(self) -> int:
        """Bytes that wait to be sent."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be sent that events should wait too."""
        ...

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        ...

    async def drained(self) -> None:
        """Return when the channel is not full.

        Raises:
            ChannelClosed: it has ended.
        """
        ...

    async def close(self) -> None:
        """Send what was written as far as the other side takes it, and end."""
        ...


def _is_welcome() -> None:
    """What is large is taken."""


class _Gate:
    """A door that any number of tasks wait at."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    async def wait(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)

    def open(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)


_LARGE: Final = 1 << 20
"""Bytes of a message that is not whole yet from which on it is asked whether there is room for it."""

_FAREWELL: Final = 1.0
"""Seconds that the last bytes have; a peer that does not read must not hold up the end."""


class StreamChannel(asyncio.Protocol):
    """A channel over a socket, or over a pair of pipes: give it to asyncio as the protocol of either.

    `connected` is called once bodies can be sent: there a server begins to serve. Of two pipes, connect the one to read
    from first. `frames` are there already: somebody else read them. Bodies written within one turn of the event loop go
    out in one write. `on_large` may give an error that takes the place of a large message as long as that is not whole.
    """

    def __init__(
        self,
        framing: Framing | None = None,
        frames: Iterable[Frame] = (),
        *,
        high_water: int = HIGH_WATER,
        connected: "Callable[[StreamChannel], None] | None" = None,
    ) -> None:
        self.framing = framing or Framing()
        self._high_water = high_water
        self._connected = connected
        self.on_large: Callable[[], RpcError | None] = _is_welcome
        self._alive = 0
        self._reader: asyncio.ReadTransport | None = None
        self._writer: asyncio.WriteTransport | None = None
        self._inbox: list[Frame] = list(frames)
        self._inbox_bytes = 0
        self._held_back = False
        self._ended = False
        self._arrived = _Gate()
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._paused = False
        self._closed = False
        self._room = _Gate()
        self._lost = _Gate()

    @property
    def transport(self) -> asyncio.BaseTransport:
        """What asyncio writes to: the way to a socket's peer credentials."""
        if self._writer is None:
            raise ChannelClosed("the channel is not connected")
        return self._writer

    @property
    def credentials(self) -> Credentials | None:
        """Who is at the other end, where the operating system tells: for a unix socket, on Linux."""
        line: socket.socket | None = None if self._writer is None else self._writer.get_extra_info("socket")
        if not sys.platform.startswith("linux") or line is None or line.family != socket.AF_UNIX:
            return None
        told = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", told)
        return Credentials(pid, uid)

    async def preface(self) -> Preface | None:
        """The opening line, if the connection began with one. Must come before `receive`."""
        while not self._inbox and not self._ended:
            await self._arrived.wait()
        if self._inbox and isinstance(self._inbox[0], Preface):
            opening = self._inbox.pop(0)
            return opening if isinstance(opening, Preface) else None
        return None

    def send_bytes(self, data: bytes) -> None:
        """Send bytes that are no message of the framing: an opening line."""
        if self._closed or self._writer is None:
            return
        if not self._outbox:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outbox.append(data)
        self._outbox_bytes += len(data)

    async def receive(self) -> list[Frame]:
        """The frames that have come, in order, at least one; an empty list at the end."""
        while not self._inbox and not self._ended:
            await self._arrived.wait()
        frames, self._inbox, self._inbox_bytes = self._inbox, [], 0
        if self._held_back and self._reader is not None and not self._ended:
            self._held_back = False
            self._reader.resume_reading()
        return frames

    def put_back(self, frames: Iterable[Frame]) -> None:
        """Have `receive` give these once more, before what has come since."""
        self._inbox[:0] = frames

    def write(self, body: bytes) -> None:
        """Send one message. Returns at once; what is written to a channel that has ended is dropped."""
        self.send_bytes(self.framing.wrap(body))

    @property
    def backlog(self) -> int:
        """Bytes that wait to be sent."""
        return self._outbox_bytes + (self._writer.get_write_buffer_size() if self._writer else 0)

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be sent that events should wait too."""
        return self._paused or self._outbox_bytes > self._high_water

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closed

    async def drained(self) -> None:
        """Return when the channel is not full.

        Raises:
            ChannelClosed: it has ended.
        """
        while self.is_full and not self._closed:
            await self._room.wait()
        if self._closed:
            raise ChannelClosed("the channel has ended")

    async def close(self) -> None:
        """Send what was written as far as the other side takes it, and end."""
        self._flush()
        self._closed = True
        self._end_reading()
        self._room.open()
        for transport in (self._writer, self._reader):
            if transport is not None:
                transport.close()
        try:
            async with asyncio.timeout(_FAREWELL):
                while self._alive:
                    await self._lost.wait()
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """End at once; what has not gone out is lost. The channel is closed when the event loop has had a turn."""
        if self._writer is not None:
            self._writer.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio: once for a socket, twice for a pair of pipes."""
        self._alive += 1
        # A pipe to write to calls itself a ReadTransport too, so the first one is meant.
        if self._reader is None and isinstance(transport, asyncio.ReadTransport):
            self._reader = transport
        if isinstance(transport, asyncio.WriteTransport):
            self._writer = transport
            transport.set_write_buffer_limits(high=self._high_water)
            if self._connected is not None:
                self._connected(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: bytes have come."""
        frames = self.framing.feed(data)
        if self.framing.held > _LARGE and (error := self.on_large()):
            frames.append(self.framing.give_up(error))
        if not frames:
            return
        self._inbox += frames
        self._inbox_bytes += len(data)
        self._arrived.open()
        if self._inbox_bytes > self._high_water and not self._held_back and self._reader is not None:
            self._held_back = True
            self._reader.pause_reading()

    def eof_received(self) -> bool:
        """Called by asyncio: the other side sends no more. It may still read, so the way out stays open."""
        self._inbox += self.framing.finish()
        self._end_reading()
        return True

    def pause_writing(self) -> None:
        """Called by asyncio: the high-water mark is passed."""
        self._paused = True

    def resume_writing(self) -> None:
        """Called by asyncio: enough has gone out."""
        self._paused = False
        self._room.open()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio: the connection is gone; for a pair of pipes, one of them."""
        self._alive -= 1
        self._end_reading()
        if self._alive and self._writer is not None and not self._writer.is_closing():
            return  # only the pipe that we read from has ended; what was asked can still be answered
        self._closed = True
        self._outbox, self._outbox_bytes = [], 0
        for transport in (self._writer, self._reader):
            if transport is not None:
                transport.close()
        self._room.open()
        self._lost.open()

    def _flush(self) -> None:
        outbox, self._outbox, self._outbox_bytes = self._outbox, [], 0
        if outbox and self._writer is not None and not self._writer.is_closing():
            self._writer.write(b"".join(outbox) if len(outbox) > 1 else outbox[0])
        if not self.is_full:
            self._room.open()

    def _end_reading(self) -> None:
        self._ended = True
        self._arrived.open()


class MemoryChannel:
    """One end of `memory_pair`. Full while the other end has not received what was written."""

    def __init__(self, high_water: int) -> None:
        self._high_water = high_water
        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._ended = False
        self._arrived, self._room = _Gate(), _Gate()
        self._other = self

    def join(self, other: "MemoryChannel") -> None:
        """Make `other` the far end."""
        self._other, other._other = other, self

    @property
    def credentials(self) -> Credentials | None:
        """Nobody's: both ends are here."""
        return None

    async def receive(self) -> list[Frame]:
        """The frames that have come, in order, at least one; an empty list at the end."""
        while not self._inbox and not self._ended:
            await self._arrived.wait()
        frames: list[Frame] = list(self._inbox)
        self._inbox.clear()
        self._inbox_bytes = 0
        self._other._room.open()
        return frames

    def write(self, body: bytes) -> None:
        """Send one message. Returns at once; what is written to a channel that has ended is dropped."""
        if not self._other._ended:
            self._other._inbox.append(body)
            self._other._inbox_bytes += len(body)
            self._other._arrived.open()

    @property
    def backlog(self) -> int:
        """Bytes that wait to be received by the other end."""
        return self._other._inbox_bytes

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be sent that events should wait too."""
        return self.backlog > self._high_water

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._ended

    async def drained(self) -> None:
        """Return when the channel is not full.

        Raises:
            ChannelClosed: it has ended.
        """
        while self.is_full and not self._ended:
            await self._room.wait()
        if self._ended:
            raise ChannelClosed("the channel has ended")

    async def close(self) -> None:
        """End both directions; the other end still receives what was written."""
        for end in (self, self._other):
            end._ended = True
            end._arrived.open()
            end._room.open()


def memory_pair(*, high_water: int = HIGH_WATER) -> tuple[MemoryChannel, MemoryChannel]:
    """Two channels, each the far end of the other, without a socket between them."""
    one, other = MemoryChannel(high_water), MemoryChannel(high_water)
    one.join(other)
    return one, other
