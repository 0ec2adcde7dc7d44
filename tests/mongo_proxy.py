"""A line to a server that can be cut: at once, or when a command has been sent and its reply is still to come."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any


class Proxy:
    """Passes bytes on to a server on 127.0.0.1 while it is up.

    `cut_at` names a command: when it comes, the line is cut, after it has been passed on if `passes_on`.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = 0
        self.is_up = True
        self.cut_at: bytes | None = None
        self.passes_on = True
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def uri(self) -> str:
        """The address that goes through here."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    def cut(self) -> None:
        """Break every connection, and let none in until `is_up` is set."""
        self.is_up, self.cut_at = False, None
        for writer in self._clients:
            writer.transport.abort()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        if not self.is_up:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._clients.add(writer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear(reader, back))
                group.create_task(_pass_on(there, writer))
        finally:
            self._clients.discard(writer)
            for each in (writer, back):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()

    async def _hear(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await client.read(1 << 16):
                is_last = self.cut_at is not None and self.cut_at in data
                if self.passes_on or not is_last:
                    server.write(data)
                    await server.drain()
                if is_last:
                    self.cut()
        # The end of what was said, and no more: the server hears all that was passed on.
        server.close()


async def _pass_on(server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await server.read(1 << 16):
            client.write(data)
            await client.drain()
    client.transport.abort()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncGenerator[Proxy]:
    """A proxy to this port, gone with the context."""
    proxy = Proxy(port)
    tasks: set[asyncio.Task[Any]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(proxy.converse(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
        proxy.cut()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
