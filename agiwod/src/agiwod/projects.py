"""Projects as the daemon has them: whether they are trusted, and their agents and skills. Keeps none open."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from agiwo.errors import ConfigError
from agiwo.mcp import McpServers
from agiwo.skill import SkillManager
from agiwo_protocol.paths import Paths

from agiwod.definer import DefinitionFile
from agiwod.foreign import project_servers, server_secrets
from agiwod.roster import build_agents
from agiwod.runtime.projects import Found, Made, Trusted
from agiwod.settings import Project, Settings, read_project
from agiwod.shelf import skill_sources
from agiwod.trust import TrustBook


class ReadSettings(Protocol):
    """Reads the settings as they are now, with those of a project if one is named."""

    def __call__(self, project: Project | None = None) -> Settings:
        """The settings.

        Raises:
            ConfigError: they cannot work.
        """
        ...


class TrustedProjects:
    """A `Finder` over the trust book of one daemon. What clients have `defined` is there in each project, too."""

    def __init__(self, paths: Paths, read: ReadSettings, defined: DefinitionFile | None = None) -> None:
        self._defined = defined
        self._read, self._book, self._attic = read, TrustBook(paths), paths.data_dir / "skills"

    def find(self, place: str) -> Found | None:
        """The project that a place lies in. One that cannot be read is left out, and the notice says why."""
        if not Path(place).is_absolute():
            return None  # the daemon works in another directory
        try:
            standing = self._book.standing_at(Path(place))
        except ConfigError as error:
            return Found(place, None, f"the project of {place} is left out: {error}")
        if standing is None:
            return None
        stamp = standing.project.digest if standing.verdict == "trusted" else None
        return Found(str(standing.project.root), stamp, standing.notice)

    def trusted(self) -> Sequence[Trusted]:
        """Those that stand in the book, by path, each with why it is left out, if it is.

        Raises:
            ConfigError: the book cannot be read.
        """
        return [Trusted(root, at, self._fault(root)) for root, at in self._book.trusted().items()]

    def _fault(self, root: str) -> str | None:
        try:
            return self._book.standing_of(read_project(Path(root))).notice
        except ConfigError as error:
            return f"the project of {root} is left out: {error}"

    def make(self, root: str, servers: McpServers) -> Made:
        """The agents, skills and servers of a project that is trusted as it is now.

        Raises:
            ConfigError: it is not, or they cannot be made.
        """
        # Read once, so that what is trusted is what is made.
        project = read_project(Path(root))
        standing = self._book.standing_of(project)
        if standing.verdict != "trusted":
            raise ConfigError(standing.notice or f"{root} is not trusted")
        settings = self._read(project)
        skills = SkillManager(skill_sources(settings, project), is_watched=True, attic=self._attic)
        own = McpServers(*project_servers(settings), beside=servers)
        return Made(
            project.digest,
            build_agents(settings, skills, own, self._defined and self._defined.tables),
            skills,
            own,
            server_secrets(settings),
        )
