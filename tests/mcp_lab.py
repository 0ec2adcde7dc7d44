"""Clients of MCP at a daemon: over memory, so that nothing is waited for but the daemon itself, or over HTTP."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
from agiwo_protocol.channel import memory_pair
from agiwo_protocol.preface import Preface
from agiwod.face.mcp.face import McpFace
from agiwod.face.mcp.streams import Reading, Writing
from agiwod.runtime.daemon import Daemon
from daemon_lab import PATIENCE
from http_lab import TOKEN, Web
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

Era = Literal["auto", "legacy"]
ERAS: tuple[Era, ...] = ("auto", "legacy")
"""How a client begins: as the newer era does, or with the handshake of the older one."""


@asynccontextmanager
async def _in_memory(daemon: Daemon, cwd: str | None) -> AsyncGenerator[tuple[Any, Any]]:
    ours, theirs = memory_pair()
    face = asyncio.create_task(McpFace(daemon).converse(theirs, Preface("mcp", {"cwd": cwd} if cwd else {})))
    try:
        yield Reading(ours), Writing(ours)
    finally:
        await ours.close()
        async with asyncio.timeout(PATIENCE):
            await face


@asynccontextmanager
async def asking(
    daemon: Daemon, era: Era = "auto", *, cwd: str | None = None, **options: Any
) -> AsyncGenerator[Client]:
    """A client at the face, as if over stdio, that works in `cwd`."""
    async with Client(_in_memory(daemon, cwd), mode=era, read_timeout_seconds=PATIENCE, **options) as client:
        yield client


@asynccontextmanager
async def asking_over_http(web: Web, era: Era = "auto", **options: Any) -> AsyncGenerator[Client]:
    """A client at the path of MCP."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
        transport = streamable_http_client(f"{web.url}/mcp", http_client=http)
        async with Client(transport, mode=era, read_timeout_seconds=PATIENCE, **options) as client:
            yield client
