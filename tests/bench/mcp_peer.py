"""What we are measured against: mcp's low-level server, which tells its progress over stdio. Lives in an own venv."""

import asyncio
import os
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from interpreter import SERVERS

# In an interpreter of its own: none of its imports are to be had here.
SERVER = """
import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, TextContent

async def call(context, params):
    count, message = params.arguments["count"], params.arguments["message"]
    for number in range(count):
        if params.arguments["pause"]:
            await anyio.sleep(params.arguments["pause"])
        await context.session.report_progress(number, count, message)
    return CallToolResult(content=[TextContent(text="done")])

async def main():
    server = Server("peer", on_call_tool=call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

anyio.run(main)
"""


def installed() -> Path | None:
    """The interpreter that has the peer; None when it is not installed."""
    return SERVERS.python


class McpPeer:
    """The server's process, and a client that only counts what it says."""

    def __init__(self, process: Process) -> None:
        self.pid = process.pid
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self._last_id = 0

    def _send(self, message: dict[str, Any]) -> None:
        self._stdin.write(orjson.dumps({"jsonrpc": "2.0", **message}) + b"\n")

    async def ask(self, method: str, params: dict[str, Any]) -> tuple[int, int]:
        """Notifications that came before the answer, and the bytes of them all."""
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        count = size = 0
        while b'"method":' in (line := await self._stdout.readline()):
            count, size = count + 1, size + len(line)
        assert b'"result":' in line, line
        return count, size

    async def greet(self) -> None:
        """Shake hands."""
        info = {"name": "bench", "version": "0"}
        await self.ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info})
        self._send({"method": "notifications/initialized"})

    async def notify(self, count: int, message: str, pause: float = 0) -> float:
        """Let it tell its progress so often, each time after a pause; returns the bytes of one notification."""
        arguments = {"count": count, "message": message, "pause": pause}
        params = {"name": "stream", "arguments": arguments, "_meta": {"progressToken": "t"}}
        told, size = await self.ask("tools/call", params)
        assert told == count, f"{told} of {count} notifications came"
        return size / count


@asynccontextmanager
async def serving(python: Path) -> AsyncGenerator[McpPeer]:
    """The peer, ready."""
    process = await asyncio.create_subprocess_exec(
        str(python), "-c", SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": ""}
    )
    peer = McpPeer(process)
    await peer.greet()
    yield peer
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()
