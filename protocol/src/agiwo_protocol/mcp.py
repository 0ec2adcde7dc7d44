"""MCP servers: the foreign ones whose tools agents use, how each stands, and starting one again."""

from typing import Literal

from pydantic import Field

from agiwo_protocol.contract import Count, Method, Name, Page, Wire


class Server(Wire):
    """A server. `failed`: it is started again at `againAt`; `parked`: it failed too often, and has to be restarted.

    `tools` are those that it listed last, as agents name them. `error` says why it does not run. `restarts` counts how
    often it was started again.
    """

    name: str
    transport: Literal["stdio", "http"]
    status: Literal["starting", "ready", "failed", "parked", "stopped"]
    since: str
    tools: list[str]
    restarts: Count
    error: str | None = None
    again_at: str | None = None
    pid: Count | None = None
    title: str | None = None
    protocol_version: str | None = None


class Skipped(Wire):
    """What was named somewhere and is not used, and why; without a name it is a whole file."""

    path: str
    reason: str
    name: str | None = None


class ListResult(Wire):
    """A page of servers by name, and what was left out."""

    servers: list[Server]
    skipped: list[Skipped] = Field(default_factory=list[Skipped])
    next_cursor: str | None = None


class RestartParams(Wire):
    """Names a server."""

    name: Name


LIST = Method("mcp/list", Page, ListResult, "The MCP servers whose tools agents may use, and how each stands.")
RESTART = Method(
    "mcp/restart",
    RestartParams,
    Server,
    "End a server and start it again; answered when it is ready or has failed, or after ten seconds.",
)
