"""The tools that the tables of agents name: those of agiwo and of packages, in a workspace, and other agents."""

import logging
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from agiwo.errors import ConfigError
from agiwo.tool.base import BaseTool
from agiwo.tool.catalog import find_tool, offers
from agiwo.tool.workspace import Workspace

from agiwod.settings import AgentSettings, Settings
from agiwod.team import AGENT, Team

log = logging.getLogger(__name__)


class Toolbox:
    """Gives each agent tools of its own."""

    def __init__(self, settings: Settings, team: Team) -> None:
        self._settings, self._team = settings, team

    def tools_of(self, agent: str, table: AgentSettings) -> list[BaseTool]:
        """The tools that the table names, each once; a package's broken tool is left out where a pattern names it.

        Raises:
            ConfigError: there is no such tool, or no such workspace; the message has its place.
        """
        names: dict[str, bool] = {}
        for pattern in table.tools:
            for name in self._matching(agent, pattern):
                names[name] = names.get(name, False) or name == pattern
        workspace = self._workspace(agent, table)
        found = [self._tool(agent, name, workspace, is_named=is_named) for name, is_named in names.items()]
        return [tool for tool in found if tool is not None]

    def _matching(self, agent: str, pattern: str) -> Iterator[str]:
        known = self._team.others(agent) if pattern.startswith(AGENT) else list(offers())
        found = [name for name in known if fnmatchcase(name, pattern)]
        if not found and "*" not in pattern:
            hint = near(pattern, known)
            raise ConfigError(f"{self._place(agent, 'tools')}: no tool {pattern!r} for [agents.{agent}]; {hint}")
        yield from found

    def _workspace(self, agent: str, table: AgentSettings) -> Workspace:
        if table.workspace is None:
            return Workspace(self._settings.workspace, make=True)
        if not table.workspace.is_dir():
            place = self._place(agent, "workspace")
            raise ConfigError(f"{place}: the workspace of [agents.{agent}] is no directory: {table.workspace}")
        return Workspace(table.workspace)

    def _tool(self, agent: str, name: str, workspace: Workspace, *, is_named: bool) -> BaseTool | None:
        if name.startswith(AGENT):
            return self._team.tool(name)
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
