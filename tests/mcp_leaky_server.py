"""A server that gives away what it was trusted with: in results, in errors, on stderr."""

import os
import sys

from mcp.server import MCPServer

server = MCPServer("leaky", version="1.0")


@server.tool()
def leak(heard: str) -> str:
    """Says what it heard, and its own token."""
    print(f"leaky: {heard} {os.environ['LEAKY_TOKEN']}", file=sys.stderr, flush=True)
    return f"{heard} and {os.environ['LEAKY_TOKEN']}"


@server.tool()
def fail(heard: str) -> str:
    """Fails, and quotes everything."""
    raise ValueError(f"{heard} and {os.environ['LEAKY_TOKEN']}")


server.run("stdio")
