"""How a server stands. Plain data: starts none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agiwo.mcp.offer import OfferedTool
from agiwo.mcp.server import McpServer

Status = Literal["starting", "ready", "failed", "parked", "stopped"]
"""Where a server stands. `failed` is started again after a pause, `parked` only when somebody asks for it."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """How a server stands. `tools` are those that it listed last, also while it is being started again.

    `error` says why it does not run, `restarts` counts how often it was started again, `since` is when it came to stand
    so, and `again_at` when it is started next; both in seconds since the epoch.
    """

    server: McpServer
    status: Status = "stopped"
    tools: tuple[OfferedTool, ...] = ()
    error: str | None = None
    pid: int | None = None
    protocol: str | None = None
    title: str = ""
    restarts: int = 0
    since: float = 0.0
    again_at: float | None = None


OnChange = Callable[[ServerState, ServerState], None]
"""Told how a server stood, and how it stands."""
