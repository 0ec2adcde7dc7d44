"""mcp's low-level server over stdio. It answers `echo` at once, `stream` after it has told its progress so often."""
# pyright: basic, reportMissingImports=false
# What this imports is installed in another interpreter, so no type of it is known here.

import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, TextContent


async def call(context, params):
    """Carry out either tool."""
    given = params.arguments
    for number in range(given.get("count", 0)):
        if given["pause"]:
            await anyio.sleep(given["pause"])
        await context.session.report_progress(number, given["count"], given["text"])
    return CallToolResult(content=[TextContent(text=given["text"])])


async def main():
    """Serve until stdin ends."""
    async with stdio_server() as (read, write):
        server = Server("peer", on_call_tool=call)
        await server.run(read, write, server.create_initialization_options())


anyio.run(main)
