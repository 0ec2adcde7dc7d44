"""Foreign servers, each kept running by itself, and the tools of all of them. Decides nothing about one of them."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Self

from agiwo.errors import ConfigError, NotFound
from agiwo.mcp.errors import ServerUnavailable
from agiwo.mcp.naming import full_name
from agiwo.mcp.offer import OfferedTool
from agiwo.mcp.server import McpServer
from agiwo.mcp.state import OnChange, ServerState
from agiwo.mcp.supervision import Supervision
from agiwo.mcp.tool import McpTool
from agiwo.tool.base import BaseTool
from agiwo.tool.toolset import Toolset

_PATIENCE = 10.0
"""Seconds that a run waits for the servers of its agent's tools to have begun; it begins without them then."""

log = logging.getLogger(__name__)


class McpServers:
    """Servers by name. As a context it starts them all, and nothing of them is left at its end.

    Each is started in its own time, again when it fails, and asked again when its tools change.

    Those that are run `beside` these are there, too, unless one of these has the same name; they are somebody else's to
    start and to end.
    """

    def __init__(
        self, *servers: McpServer, on_change: OnChange | None = None, beside: "McpServers | None" = None
    ) -> None:
        self.on_change, self._beside = on_change, beside
        self._kept: dict[str, Supervision] = {}
        self._tools: dict[tuple[str, str], McpTool] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._is_started = False
        for server in servers:
            if server.name in self._kept:
                raise ConfigError(f"two MCP servers are named {server.name!r}; give one of them another name")
            self._kept[server.name] = Supervision(server, self._tell)

    async def __aenter__(self) -> Self:
        """Start all servers, and return when all are ready.

        Raises:
            ServerUnavailable: one cannot be used; the message says why. None is left running.
        """
        self.start()
        try:
            for kept in self._kept.values():
                state = await kept.settled()
                if state.status != "ready":
                    raise ServerUnavailable(f"the MCP server {kept.server.name!r} cannot be used: {state.error}")
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all servers."""
        await self.close()

    def start(self) -> None:
        """Begin to start all servers; returns at once."""
        self._is_started = True
        for kept in self._kept.values():
            kept.start()

    def adopt(self, servers: Iterable[McpServer]) -> None:
        """Have these in the place of the present ones. Who is the same goes on; who is gone is ended."""
        wanted = {server.name: server for server in servers}
        for name, kept in list(self._kept.items()):
            if wanted.get(name) != kept.server:
                self._retire(self._kept.pop(name))
        for name, server in wanted.items():
            if name not in self._kept:
                self._kept[name] = Supervision(server, self._tell)
        self._tools.clear()
        if self._is_started:
            self.start()

    def states(self) -> list[ServerState]:
        """How each server stands."""
        return [kept.state for kept in self._all().values()]

    async def restart(self, name: str, seconds: float = _PATIENCE) -> ServerState:
        """End a server if it runs, and start it; how it stands when that is over, or has taken so long.

        Raises:
            NotFound: there is no such server.
        """
        known = self._all()
        if name not in known:
            raise NotFound("MCP server", name, f"there are {', '.join(known) or 'none'}")
        kept = known[name]
        await kept.restart()
        return await kept.settled(seconds)

    def tools(self, *patterns: str) -> Toolset:
        """The tools whose names match one of the patterns, such as `mcp:files/*`; without one, all.

        They are those that there are whenever somebody looks.
        """
        return _Selection(self, patterns or ("*",))

    def matching(self, patterns: Sequence[str]) -> list[McpTool]:
        """The tools that there are now, and that one of the patterns matches."""
        offered = [
            (kept, tool)
            for kept in self._all().values()
            for tool in kept.state.tools
            if any(fnmatchcase(tool.full_name, pattern) for pattern in patterns)
        ]
        return list({tool.model_name: self._tool(tool, kept) for kept, tool in offered}.values())

    async def settled(self, concerned: Callable[[str], bool], seconds: float = _PATIENCE) -> None:
        """Return once it is known what those servers have, or that takes too long."""
        waiting = [kept for name, kept in self._all().items() if concerned(name) and kept.is_settling]
        if waiting:
            await asyncio.gather(*(kept.settled(seconds) for kept in waiting))

    async def close(self) -> None:
        """End all servers; nothing of them is left."""
        self._is_started = False
        await asyncio.gather(*(kept.close() for kept in self._kept.values()), *self._retiring)

    def _all(self) -> dict[str, Supervision]:
        beside = self._beside._all() if self._beside else {}
        return {**beside, **self._kept}

    def _tell(self, before: ServerState, after: ServerState) -> None:
        if self.on_change is not None:
            self.on_change(before, after)

    def _retire(self, kept: Supervision) -> None:
        task = asyncio.create_task(kept.close(), name=f"end MCP server {kept.server.name}")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _tool(self, offered: OfferedTool, kept: Supervision) -> McpTool:
        key = (offered.server, offered.name)
        known = self._tools.get(key)
        if known is None or known.offered is not offered:
            known = self._tools[key] = McpTool(offered, kept)
        return known


class _Selection(Toolset):
    """Some of the tools, whatever they are at the moment."""

    def __init__(self, servers: McpServers, patterns: Sequence[str]) -> None:
        self._servers, self._patterns = servers, tuple(patterns)

    def tools(self) -> Sequence[BaseTool]:
        """Those that there are just now."""
        return self._servers.matching(self._patterns)

    def missing(self, name: str) -> str:
        """That the server of a tool does not run, and why."""
        states = [state for state in self._servers.states() if self._concerns(state.server.name)]
        down = [state for state in states if state.status != "ready" and name.startswith(f"mcp__{state.server.name}__")]
        return "".join(
            f"the MCP server {each.server.name!r} does not run: {each.error or each.status}" for each in down
        )

    async def ready(self) -> None:
        """Return once it is known what the servers concerned have, or that takes too long."""
        await self._servers.settled(self._concerns)

    def _concerns(self, server: str) -> bool:
        """Whether a pattern may be about tools of that server: its part before some slash is, or it has none."""
        beginning = full_name(server, "")
        return any(
            fnmatchcase(beginning, f"{pattern[:end]}/*")
            for pattern in self._patterns
            for end in (place for place, sign in enumerate(f"{pattern}/") if sign == "/")
        )
