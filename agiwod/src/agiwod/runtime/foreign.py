"""Foreign servers and their tools, as clients see them: how each stands, and who is told when that changes."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agiwo.mcp.server import McpServer
from agiwo.mcp.servers import McpServers
from agiwo.mcp.state import ServerState

from agiwod.runtime.events import Events
from agiwod.runtime.tools import KnownTool

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was named somewhere and is not used, and why; without a name it is the whole file."""

    path: str
    reason: str
    name: str | None = None

    def __str__(self) -> str:
        about = f"the MCP server {self.name!r}: " if self.name else ""
        return f"{self.path}: {about}{self.reason}"


class Foreign:
    """The servers of a daemon, kept running from `start` to `close`."""

    def __init__(self, servers: McpServers, events: Events, left_out: Sequence[LeftOut] = ()) -> None:
        self.servers, self.left_out, self._events = servers, tuple(left_out), events
        servers.on_change = self._tell

    def start(self) -> None:
        """Begin to start all servers; nobody waits for them but the runs of agents that use them."""
        self._warn()
        self.servers.start()

    def adopt(self, servers: Iterable[McpServer], left_out: Sequence[LeftOut]) -> None:
        """Have these in the place of the present ones; who is the same goes on."""
        before = {state.server.name for state in self.list()}
        self.servers.adopt(servers)
        self.left_out = tuple(left_out)
        self._warn()
        for name in before - {state.server.name for state in self.list()}:
            self._events.publish("mcp", "mcp/removed", {"name": name})

    def list(self) -> Sequence[ServerState]:
        """How each of them stands."""
        return self.servers.states()

    def tools(self) -> Sequence[KnownTool]:
        """The tools that they have, under the names that people write."""
        return [
            KnownTool(
                replace(tool.get_definition(), name=tool.offered.full_name),
                tool.may_need_approval,
                f"mcp:{tool.offered.server}",
                tool.name,
            )
            for tool in self.servers.matching(["*"])
        ]

    async def restart(self, name: str) -> ServerState:
        """End one and start it again; how it stands then.

        Raises:
            NotFound: there is none of that name.
        """
        return await self.servers.restart(name)

    async def close(self) -> None:
        """End all of them; nothing of them is left."""
        await self.servers.close()

    def _warn(self) -> None:
        for each in self.left_out:
            log.warning("left out: %s", each)

    def _tell(self, before: ServerState, after: ServerState) -> None:
        name = after.server.name
        if (before.status, before.error) != (after.status, after.error):
            data: dict[str, Any] = {"name": name, "status": after.status, "tools": len(after.tools)}
            self._events.publish("mcp", "mcp/changed", data | ({"error": after.error} if after.error else {}))
        old, new = ({tool.name: tool.version for tool in state.tools} for state in (before, after))
        if old != new:
            changed = {tool for tool in old.keys() & new.keys() if old[tool] != new[tool]}
            told = {"added": new.keys() - old.keys(), "changed": changed, "removed": old.keys() - new.keys()}
            data = {kind: sorted(tools) for kind, tools in told.items()}
            self._events.publish("mcp", "mcp/toolsChanged", {"name": name, **data})
