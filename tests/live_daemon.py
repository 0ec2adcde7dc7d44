"""A daemon in a process of its own, which says what a test lets it say, and clients that see every frame."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import orjson
from wire_stream import WireStream

PATIENCE = 180.0
"""Seconds after which something that should happen does not."""


Turn = Mapping[str, Any]
"""What an agent says: a turn of the scripted model."""


class Line:
    """A client that sees every frame."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._last_id = 0

    @classmethod
    async def open(cls, home: Path) -> Self:
        return await cls.at(home / "run" / "agiwod.sock")

    @classmethod
    async def at(cls, socket: Path) -> Self:
        line = cls(*await asyncio.open_unix_connection(str(socket), limit=2**26))
        await line.ask("initialize", protocolVersion=1, clientInfo={"name": "test"})
        return line

    async def ask(self, method: str, **params: Any) -> Any:
        """The answer, on a connection on which nothing else is told meanwhile."""
        self.send(method, **params)
        return await self.frame()

    def send(self, method: str, **params: Any) -> int:
        """Ask without waiting; the id of the request."""
        self._last_id += 1
        self.write(id=self._last_id, method=method, params=params)
        return self._last_id

    def tell(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self.write(method=method, params=params)

    def write(self, **message: Any) -> None:
        """Send a message of these members."""
        self._writer.write(orjson.dumps({"jsonrpc": "2.0", **message}) + b"\n")

    def begin(self, text: str) -> None:
        """Send this piece of a message, of which more is to come."""
        self._writer.write(text.encode())

    async def sent(self) -> None:
        """Return when there is room for more."""
        async with asyncio.timeout(PATIENCE):
            await self._writer.drain()

    async def frame(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            line = await self._reader.readline()
        assert line, "the daemon closed the connection"
        return orjson.loads(line)

    async def read(self, stream: WireStream, until: Callable[[WireStream], bool]) -> WireStream:
        while not until(stream):
            frame = await self.frame()
            if frame.get("method") == "run/event":
                stream.take(frame["params"])
        return stream

    async def hear(self, method: str, stream: WireStream) -> None:
        """Read on until that notification comes."""
        while (frame := await self.frame())["method"] != method:
            stream.take(frame["params"])

    def cut(self) -> None:
        """End at once, whatever is under way."""
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


class LiveDaemon:
    """A daemon's process, and the home that it lives in. Each agent says one turn again and again."""

    def __init__(self, home: Path, agents: Mapping[str, Turn], settings: str = "") -> None:
        self.home = home
        config = [settings] if settings else []
        for agent, turn in agents.items():
            (home / f"{agent}.json").write_text(json.dumps({"turns": [turn], "repeat": True}))
            config.append(f'[agents.{agent}]\nmodel = "scripted:{agent}.json"\n')
        (home / "config.toml").write_text("\n".join(config))

    async def start(self) -> None:
        command = (sys.executable, "-m", "agiwod.cli", "serve")
        environment = {**os.environ, "AGIWOD_HOME": str(self.home)}
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=pipe)
        assert self.process.stderr
        async with asyncio.timeout(PATIENCE):
            assert b"serves at" in await self.process.stderr.readline()

    async def end(self) -> int:
        async with asyncio.timeout(PATIENCE):
            await self.process.communicate()
        return self.process.returncode or 0


@asynccontextmanager
async def living(home: Path, agents: Mapping[str, Turn], settings: str = "") -> AsyncGenerator[LiveDaemon]:
    """A daemon that serves, with these further settings; killed at the end if it still lives."""
    daemon = LiveDaemon(home, agents, settings)
    await daemon.start()
    try:
        yield daemon
    finally:
        if daemon.process.returncode is None:
            daemon.process.kill()
            await daemon.end()
