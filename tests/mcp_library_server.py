"""A server made with the library, which speaks both eras: over stdio, or over HTTP on the port that is its argument."""

import asyncio
import os
import sys

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from pydantic import BaseModel

server = MCPServer("library", version="2.0")


class Sum(BaseModel):
    total: int


@server.tool()
async def add(a: int, b: int, ctx: Context) -> Sum:
    """Adds two numbers."""
    await ctx.report_progress(1, 1, "added")
    return Sum(total=a + b)


@server.tool()
async def learn(ctx: Context) -> str:
    """Learns another tool."""

    def forget() -> str:
        """Forgets."""
        return "what?"

    server.add_tool(forget)
    await ctx.notify_tools_changed()
    return "learnt"


@server.tool()
async def rest() -> str:
    """Rests until it is cancelled, and makes a directory then."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        os.mkdir(os.environ["CANCELLED"])
        raise
    return ""


if len(sys.argv) > 1:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
else:
    server.run("stdio")
