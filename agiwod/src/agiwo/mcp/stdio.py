"""A server's stdin and stdout as the streams that `mcp` talks over: whatever comes, it stays in bounds.

That library has such a transport, too; it has no limit to a line, and takes time with the square of its length.
"""

import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio
import orjson
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import INTERNAL_ERROR, ErrorData, JSONRPCError, JSONRPCMessage, RequestId, jsonrpc_message_adapter

from agiwo.mcp.lines import Lines, Overlong
from agiwo.mcp.process import ServerProcess
from agiwo.mcp.server import McpServer

log = logging.getLogger(__name__)

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]

_PIECE = 65536

_FLOOD = 64 * 1024 * 1024
"""Bytes that are no messages, after which a server is given up: it would go on for ever."""

_TOLD = 5
"""Lines that are no messages of which the log has the beginning; a server that writes more will not stop there."""

_ID: Final = rb'"id"\s*:\s*(-?\d+|"(?:[^"\\]|\\.){0,200}")'
_ID_FIRST = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?' + _ID)
_ID_LAST = re.compile(_ID + rb'\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')


@asynccontextmanager
async def stdio_streams(
    server: McpServer, started: Callable[[int], None], ended: Callable[[str], None]
) -> AsyncGenerator[Streams]:
    """A server's process, until the end of the block: nothing of it is left then.

    `started` is told its process id, `ended` why it is over when it ends by itself.

    Raises: ConfigError, OSError, as `ServerProcess.start`.
    """
    process = await ServerProcess.start(server)
    send, received = anyio.create_memory_object_stream[SessionMessage | Exception](16)
    to_send, sent = anyio.create_memory_object_stream[SessionMessage](16)
    try:
        started(process.pid)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read, server, process, send, ended)
            tasks.start_soon(_write, process, sent)
            try:
                yield received, to_send
            finally:
                tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await process.stop()
        for stream in (send, received, to_send, sent):
            stream.close()


async def _write(process: ServerProcess, sent: MemoryObjectReceiveStream[SessionMessage]) -> None:
    with suppress(OSError):
        async for each in sent:
            process.stdin.write(each.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            await process.stdin.drain()


async def _read(
    server: McpServer,
    process: ServerProcess,
    send: MemoryObjectSendStream[SessionMessage | Exception],
    ended: Callable[[str], None],
) -> None:
    reader = _Reader(server)
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
        async with send:
            while not reader.is_flooded and (data := await process.stdout.read(_PIECE)):
                for message in reader.messages(data):
                    await send.send(message)
            ended("it writes what is no message, without end" if reader.is_flooded else await process.why())


class _Reader:
    """What a server's stdout says; what is none of the protocol is passed over."""

    def __init__(self, server: McpServer) -> None:
        self._server, self._lines = server, Lines(server.most)
        self._noise, self._told = 0, 0

    @property
    def is_flooded(self) -> bool:
        """Whether too much has come that was no message."""
        return self._noise + self._lines.size > _FLOOD + self._server.most

    def messages(self, data: bytes) -> list[SessionMessage]:
        """The messages that are whole with `data`."""
        found = (self._message(line) for line in self._lines.feed(data))
        return [SessionMessage(message) for message in found if message is not None]

    def _message(self, line: bytes | Overlong) -> JSONRPCMessage | None:
        if isinstance(line, Overlong):
            return self._too_long(line)
        if not line.strip():
            return None
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:
            self._pass_over(line[:200], len(line))
            return None
        self._noise = 0
        return message

    def _too_long(self, line: Overlong) -> JSONRPCError | None:
        """An error in the place of an answer that cannot be taken, so that nobody waits for it."""
        id = _answered(line)
        self._pass_over(line.head[:200], line.size)
        if id is None:
            return None
        text = f"the answer has {line.size:,} bytes, and at most {self._server.most:,} are taken"
        return JSONRPCError(jsonrpc="2.0", id=id, error=ErrorData(code=INTERNAL_ERROR, message=text))

    def _pass_over(self, head: bytes, size: int) -> None:
        self._noise += size
        self._told += 1
        if self._told <= _TOLD:
            log.warning("MCP server %s wrote %d bytes that are no message: %r", self._server.name, size, head)


def _answered(line: Overlong) -> RequestId | None:
    found = _ID_FIRST.match(line.head) or _ID_LAST.search(line.tail)
    return None if found is None else orjson.loads(found[1])
