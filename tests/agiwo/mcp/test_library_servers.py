"""Servers made with the library of the protocol, in the newer era: over stdio, and over HTTP."""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from agiwo.mcp.errors import McpError
from agiwo.mcp.pace import Pace
from agiwo.mcp.server import McpServer
from server_lab import PATIENCE, Watched

pytestmark = [pytest.mark.anyio, pytest.mark.soak]  # each server loads the library, which takes seconds

SCRIPT = Path(__file__).parents[2] / "mcp_library_server.py"


@asynccontextmanager
async def watching(server: McpServer) -> AsyncGenerator[Watched]:
    supervision = Watched(server, Pace(first=60, failures=None))
    supervision.start()
    try:
        await supervision.until("ready", "failed")
        yield supervision
    finally:
        await supervision.close()


@asynccontextmanager
async def over_http(port: int, cancelled: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A server at that port."""
    command = (sys.executable, str(SCRIPT), str(port))
    process = await asyncio.create_subprocess_exec(
        *command, env={"CANCELLED": str(cancelled)}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await answers(port)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answers(port: int) -> None:
    """Return once somebody answers there."""
    async with asyncio.timeout(PATIENCE), httpx2.AsyncClient() as client:
        while True:
            try:
                await client.get(f"http://127.0.0.1:{port}/")
                return
            except httpx2.TransportError:
                await asyncio.sleep(0)


@asynccontextmanager
async def ready(transport: str, port: int, tmp_path: Path) -> AsyncGenerator[Watched]:
    cancelled = tmp_path / "cancelled"
    if transport == "http":
        async with over_http(port, cancelled), watching(McpServer("lib", url=f"http://127.0.0.1:{port}/mcp")) as server:
            yield server
    else:
        own = McpServer("lib", command=sys.executable, args=(str(SCRIPT),), env={"CANCELLED": str(cancelled)})
        async with watching(own) as server:
            yield server


@pytest.fixture(params=["stdio", "http"])
async def server(request: pytest.FixtureRequest, unused_tcp_port: int, tmp_path: Path) -> AsyncGenerator[Watched]:
    async with ready(request.param, unused_tcp_port, tmp_path) as server:
        yield server


@pytest.fixture
def unused_tcp_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


async def test_a_server_of_the_newer_era_is_asked_told_and_listened_to(server: Watched, tmp_path: Path):
    assert (server.state.title, server.state.protocol) == ("library 2.0", "2026-07-28")
    told: list[str] = []
    given = await server.call("add", {"a": 40, "b": 2}, "", told.append)
    assert (given["structuredContent"], told) == ({"total": 42}, ["[1/1] added\n"])

    await server.ask("learn")
    async with asyncio.timeout(PATIENCE):
        while "forget" not in {tool.name for tool in server.state.tools}:
            await server.moved()


async def test_a_cancelled_call_is_cancelled_at_the_server_too(server: Watched, tmp_path: Path):
    call = asyncio.create_task(server.ask("rest"))
    assert await server.ask("add", a=1, b=1)
    call.cancel()
    await asyncio.wait({call})
    async with asyncio.timeout(PATIENCE):
        while not (tmp_path / "cancelled").exists():  # noqa: ASYNC110 - it is another process that makes it
            await asyncio.sleep(0)

    assert await server.ask("add", a=1, b=1)


async def test_a_server_over_http_that_was_away_is_there_again(unused_tcp_port: int, tmp_path: Path):
    there = McpServer("lib", url=f"http://127.0.0.1:{unused_tcp_port}/mcp", timeout=2)
    server = Watched(there, Pace(first=0.1, longest=0.1, failures=None))
    async with over_http(unused_tcp_port, tmp_path / "cancelled") as process:
        server.start()
        await server.until("ready")
        process.kill()
        await process.wait()
        with pytest.raises(McpError, match=r"the MCP server 'lib' (was asked, and what it did|does not run)"):
            await server.ask("rest")
    async with over_http(unused_tcp_port, tmp_path / "cancelled"):
        await server.until("ready")
        assert await server.ask("add", a=1, b=1)
        await server.close()


async def test_an_answer_over_http_that_is_too_large_is_an_error(unused_tcp_port: int, tmp_path: Path):
    small = McpServer("lib", url=f"http://127.0.0.1:{unused_tcp_port}/mcp", most=300)
    async with over_http(unused_tcp_port, tmp_path / "cancelled"), watching(small) as server:
        assert server.state.status == "failed"
        assert "300" in (server.state.error or "")
