"""Servers to try things on, and what is left of them."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from agiwo.ids import fresh
from agiwo.mcp.pace import Pace
from agiwo.mcp.server import McpServer
from agiwo.mcp.state import ServerState
from agiwo.mcp.supervision import Supervision

RAW = Path(__file__).with_name("mcp_raw_server.py")
PATIENCE = 60.0
"""Seconds after which something that should happen does not."""

AT_ONCE = Pace(first=0.001, longest=0.001)


def raw_server(name: str = "raw", *modes: str, **options: Any) -> McpServer:
    """A server that misbehaves as it is told."""
    options = {"timeout": PATIENCE, **options}
    return McpServer(name, command=sys.executable, args=("-I", "-S", str(RAW), *modes), **options)


class Watched(Supervision):
    """A supervision that remembers how its server stood."""

    def __init__(self, server: McpServer, pace: Pace = AT_ONCE) -> None:
        self.states: list[ServerState] = []
        self.mark = fresh("mark")
        marked = replace(server, env={**server.env, "TEST_MARK": self.mark})
        super().__init__(marked, lambda before, after: self.states.append(after), pace)

    async def until(self, *statuses: str) -> ServerState:
        """How it stands once it stands so."""
        async with asyncio.timeout(PATIENCE):
            while self.state.status not in statuses:
                await self.moved()
        return self.state

    async def ask(self, tool: str, **arguments: Any) -> Any:
        """The first text of what a tool gives."""
        given = await self.call(tool, arguments, "", lambda text: None)
        return given["content"][0]["text"]


@asynccontextmanager
async def watched(*modes: str, pace: Pace = AT_ONCE, **options: Any) -> AsyncGenerator[Watched]:
    """A server that is kept running, until the end of the block: then nothing is left of it."""
    supervision = Watched(raw_server("raw", *modes, **options), pace)
    supervision.start()
    try:
        yield supervision
    finally:
        async with asyncio.timeout(PATIENCE):
            await supervision.close()
        assert processes_with(supervision.mark) == []


def processes_with(mark: str) -> list[int]:
    """The processes that have this in their environment."""
    found: list[int] = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if mark.encode() in Path(f"/proc/{name}/environ").read_bytes():
                found.append(int(name))
    return found
