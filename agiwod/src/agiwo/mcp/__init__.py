"""Tools of foreign servers, which speak the Model Context Protocol.

    async with McpServers(McpServer("time", command="mcp-server-time")) as servers:
        agent = Agent("clock", "Knows what time it is.", model, tools=[servers.tools()])

A name is loaded when it is first asked for: who has no servers pays for none of this.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from agiwo.mcp.errors import CallLost, McpError, ServerUnavailable
    from agiwo.mcp.naming import model_name
    from agiwo.mcp.server import McpServer
    from agiwo.mcp.servers import McpServers
    from agiwo.mcp.state import ServerState

__all__ = ["CallLost", "McpError", "McpServer", "McpServers", "ServerState", "ServerUnavailable", "model_name"]

_HOMES: Final = {
    "CallLost": "errors",
    "McpError": "errors",
    "McpServer": "server",
    "McpServers": "servers",
    "ServerState": "state",
    "ServerUnavailable": "errors",
    "model_name": "naming",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"agiwo.mcp.{_HOMES[name]}"), name)
