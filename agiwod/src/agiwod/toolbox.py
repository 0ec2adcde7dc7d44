"""The tools that the tables of agents name: of agiwo, of packages, of foreign servers; and other agents."""

import logging
import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from agiwo.errors import ConfigError
from agiwo.mcp import McpServers
from agiwo.mcp.naming import PREFIX
from agiwo.tool.base import BaseTool
from agiwo.tool.catalog import find_tool, offers
from agiwo.tool.toolset import Toolset
from agiwo.tool.workspace import Workspace

from agiwod.foreign import foreign_servers
from agiwod.sandboxes import sandbox_of
from agiwod.settings import AgentSettings, Settings
from agiwod.team import AGENT, Team

_GLOB = frozenset("*?[")

log = logging.getLogger(__name__)


class Toolbox:
    """Gives each agent tools of its own."""

    def __init__(self, settings: Settings, team: Team, foreign: McpServers) -> None:
        self.team = team
        self._settings, self._foreign = settings, foreign

    def tools_of(self, agent: str, table: AgentSettings) -> list[BaseTool | Toolset]:
        """The tools that the table names, each once; a package's broken tool is left out where a pattern names it.

        Those of foreign servers come and go, and are one set.

        Raises:
            ConfigError: there is no such tool or server, or no such workspace; the message has its place.
        """
        names: dict[str, bool] = {}
        foreign = [pattern for pattern in table.tools if pattern.startswith(PREFIX)]
        for pattern in (pattern for pattern in table.tools if pattern not in foreign):
            for name in self._matching(agent, pattern):
                names[name] = names.get(name, False) or name == pattern
        workspace = self._workspace(agent, table)
        found = [self._tool(agent, name, workspace, is_named=is_named) for name, is_named in names.items()]
        own = [tool for tool in found if tool is not None]
        return [*own, self._of_servers(agent, foreign)] if foreign else [*own]

    def _of_servers(self, agent: str, patterns: Sequence[str]) -> Toolset:
        known = [server.name for server in foreign_servers(self._settings)[0]]
        for pattern in patterns:
            server, slash, _ = pattern.removeprefix(PREFIX).partition("/")
            if slash and _GLOB.isdisjoint(server) and not any(name.split("/")[0] == server for name in known):
                text = f"no MCP server {server!r} for the tools {pattern!r} of [agents.{agent}]; {near(server, known)}"
                raise ConfigError(f"{self._place(agent, 'tools')}: {text}")
        return self._foreign.tools(*patterns)

    def _matching(self, agent: str, pattern: str) -> Iterator[str]:
        known = self.team.others(agent) if pattern.startswith(AGENT) else list(offers())
        found = [name for name in known if fnmatchcase(name, pattern)]
        if not found and "*" not in pattern:
            hint = near(pattern, known)
            raise ConfigError(f"{self._place(agent, 'tools')}: no tool {pattern!r} for [agents.{agent}]; {hint}")
        yield from found

    def _workspace(self, agent: str, table: AgentSettings) -> Workspace:
        sandbox = sandbox_of(self._settings, table)
        if table.workspace is None:
            return Workspace(self._settings.workspace, make=True, sandbox=sandbox)
        if not os.path.isdir(table.workspace):
            place = self._place(agent, "workspace")
            raise ConfigError(f"{place}: the workspace of [agents.{agent}] is no directory: {table.workspace}")
        return Workspace(table.workspace, sandbox=sandbox)

    def _tool(self, agent: str, name: str, workspace: Workspace, *, is_named: bool) -> BaseTool | None:
        if name.startswith(AGENT):
            return self.team.tool(name)
        try:
            return find_tool(name, workspace=workspace)
        except ConfigError as error:
            if is_named:
                raise ConfigError(f"{self._place(agent, 'tools')}: {error}") from error
            log.warning("agent %s goes without a tool: %s", agent, error)
            return None

    def _place(self, agent: str, key: str) -> str:
        return str(self._settings.origin("agents", agent, key))


def near(word: str, known: Sequence[str]) -> str:
    """What somebody may have meant who wrote `word`."""
    found = get_close_matches(word, known, n=1)
    return f"did you mean {found[0]!r}?" if found else f"there are {', '.join(known) or 'no others'}"
