"""A transport that serves, and clients that send bytes to it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from agiwod.face.door import Door
from agiwod.runtime.daemon import Daemon
from agiwod.transport.base import Converse
from agiwod.transport.listener import split
from agiwod.transport.tcp import TcpTransport
from agiwod.transport.unix import UnixTransport
from daemon_lab import PATIENCE, running

HELLO = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1,"clientInfo":{"name":"t"}}}'

Place = Path | str
"""Where clients connect to: a unix socket, or HOST:PORT."""


class Line:
    """A client that writes bytes and reads messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes) -> Any:
        self.writer.write(data)
        return await self.answer()

    async def answer(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readline()
        return orjson.loads(line) if line else None


@asynccontextmanager
async def calling(place: Place) -> AsyncGenerator[Line]:
    if isinstance(place, Path):
        reader, writer = await asyncio.open_unix_connection(str(place), limit=2**26)
    else:
        reader, writer = await asyncio.open_connection(*split(place), limit=2**26)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def serving_at(path: Path, converse: Converse, owner: int | None = None) -> AsyncGenerator[Place]:
    """A unix socket that is served."""
    ready = asyncio.Event()
    task = asyncio.create_task(UnixTransport(path, ready.set, owner=owner).serve(converse))
    started = asyncio.create_task(ready.wait())
    await asyncio.wait([task, started], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    if task.done():
        task.result()
    async with _until_left(task):
        yield path


@asynccontextmanager
async def serving_tcp(converse: Converse, address: str = "127.0.0.1:0") -> AsyncGenerator[Place]:
    """A port of this machine that is served."""
    transport = TcpTransport(address)
    try:
        async with _until_left(asyncio.create_task(transport.serve(converse))):
            yield transport.address
    finally:
        transport.close()


@asynccontextmanager
async def _until_left(task: "asyncio.Task[None]") -> AsyncGenerator[None]:
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def daemon_at(path: Path) -> AsyncGenerator[Daemon]:
    async with running() as daemon, serving_at(path, Door(daemon).converse):
        yield daemon
