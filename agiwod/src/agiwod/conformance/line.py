"""One connection to the server that is tried: bytes out, messages in. Frames by itself: a judge shares no code.

A server is reached at a unix socket, at a TCP port, or through the stdin and stdout of a command of its own.
"""

import asyncio
import json
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

Style = Literal["newline", "content-length"]

_LIMIT: Final = 2**27
_FAREWELL: Final = 5.0
"""Seconds in which a command has to end once its stdin is closed."""


class NoMessage(Exception):
    """What came is none: it cannot be framed, or is not JSON."""


class CannotConnect(Exception):
    """There is no server to try."""


class Way(Protocol):
    """How a server is reached."""

    async def open(self, style: Style) -> "Line":
        """A new connection.

        Raises:
            CannotConnect: there is no server.
        """
        ...


class Line:
    """A connection in one framing, in which the answers have to come, too. `close` ends it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        style: Style,
        end: Callable[[], Awaitable[object]],
    ) -> None:
        self._reader, self._writer, self._style, self._end = reader, writer, style, end

    async def say(self, body: bytes) -> None:
        """Send one message; one that the server does not want to read is not waited for."""
        framed = body + b"\n" if self._style == "newline" else b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        try:
            self._writer.write(framed)
            await self._writer.drain()
        except ConnectionError:
            return  # what it said before it went is still to be read

    async def say_much(self, size: int) -> None:
        """Begin a message of so many bytes. With headers no server needs to see more of it than those."""
        if self._style == "newline":
            await self.say(b"x" * size)
        else:
            self._writer.write(b"Content-Length: %d\r\n\r\n{" % size)

    async def hear(self) -> dict[str, Any] | None:
        """The next message; None at the end.

        Raises:
            NoMessage: what came is none.
        """
        try:
            body = await (self._line() if self._style == "newline" else self._framed())
        except (ConnectionError, asyncio.IncompleteReadError):
            return None
        except (ValueError, asyncio.LimitOverrunError) as error:
            raise NoMessage(f"it is longer than {_LIMIT} bytes, or ill-framed: {error}") from None
        if not body:
            return None
        try:
            message = json.loads(body)
        except ValueError:
            raise NoMessage(f"it is not JSON: {body[:200]!r}") from None
        if not isinstance(message, dict):
            raise NoMessage(f"it is no object: {body[:200]!r}")
        return cast("dict[str, Any]", message)

    async def _line(self) -> bytes:
        return await self._reader.readline()

    async def _framed(self) -> bytes:
        length: int | None = None
        while header := (await self._reader.readuntil(b"\r\n"))[:-2]:
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        if length is None:
            raise ValueError("there is no Content-Length")
        return await self._reader.readexactly(length)

    async def close(self) -> None:
        """Let go of the server, which may be a process of this line's own."""
        self._writer.close()
        await self._end()


@dataclass(frozen=True, slots=True)
class SocketWay:
    """A unix socket."""

    path: str

    async def open(self, style: Style) -> Line:
        """As `Way.open`."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.path, limit=_LIMIT)
        except OSError as error:
            raise CannotConnect(f"{self.path}: {error.strerror or error}") from None
        return Line(reader, writer, style, lambda: _closed(writer))


@dataclass(frozen=True, slots=True)
class TcpWay:
    """A TCP port; `opening` is what is said there first, such as a line with the token."""

    host: str
    port: int
    opening: bytes = b""

    async def open(self, style: Style) -> Line:
        """As `Way.open`."""
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port, limit=_LIMIT)
        except OSError as error:
            raise CannotConnect(f"{self.host}:{self.port}: {error.strerror or error}") from None
        writer.write(self.opening)
        return Line(reader, writer, style, lambda: _closed(writer))


@dataclass(frozen=True, slots=True)
class CommandWay:
    """A command whose stdin and stdout are the connection. Its stderr is not looked at."""

    command: str

    async def open(self, style: Style) -> Line:
        """As `Way.open`."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *shlex.split(self.command), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, limit=_LIMIT
            )
        except (OSError, ValueError) as error:
            raise CannotConnect(f"{self.command}: {error}") from None
        assert process.stdin
        assert process.stdout
        return Line(process.stdout, process.stdin, style, lambda: _ended(process))


async def _closed(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.wait_closed()
    except OSError:
        return


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(_FAREWELL):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
