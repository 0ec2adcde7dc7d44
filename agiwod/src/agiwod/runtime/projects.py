"""The projects that clients work in, each with agents and skills of its own beside everybody's. Trusts none itself."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from agiwo.durable import Program
from agiwo.errors import ConfigError
from agiwo.mcp.servers import McpServers
from agiwo.schema.run import RunSpec
from agiwo.skill.manager import SkillManager
from agiwo.tool.thread import in_thread

from agiwod.runtime.agents import Agents
from agiwod.runtime.events import Events
from agiwod.runtime.foreign import Foreign
from agiwod.runtime.skills import Skills

PROJECT: Final = "project"
"""Where a run's metadata names the project that it was started in; the runs below it are of the same."""

_MOST: Final = 32
"""Projects that are kept open, each with its agents and a watch over its skills; the one unused longest is closed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A project: what it allows by name of `stamp`, None when it is left out; then the `notice` says why."""

    root: str
    stamp: str | None
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Trusted:
    """A project that the user has trusted, when if that is known; with a `notice` it is left out by now."""

    root: str
    at: float | None
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The agents, skills and servers of a project, and of everybody, made of what `stamp` names."""

    stamp: str
    agents: Agents
    skills: SkillManager
    servers: McpServers
    secrets: Mapping[str, str]


class Finder(Protocol):
    """Who knows projects, and whom the user trusts. All of it reads files."""

    def find(self, place: str) -> Found | None:
        """The project that a place lies in, None when it lies in none."""
        ...

    def trusted(self) -> Sequence[Trusted]:
        """The projects that the user has trusted, by path.

        Raises:
            ConfigError: they cannot be read.
        """
        ...

    def make(self, root: str, servers: McpServers) -> Made:
        """Its agents and skills, and its servers beside those.

        Raises:
            ConfigError: it is not trusted, or they cannot be made.
        """
        ...


@dataclass(frozen=True, slots=True)
class Project:
    """A trusted project that is open: the agents, skills and servers of the runs that are started there."""

    root: str
    stamp: str
    agents: Agents
    skills: Skills
    foreign: Foreign


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client works: its project, if that is trusted; else what its user should hear, if anything."""

    root: str | None = None
    project: Project | None = None
    notice: str | None = None


class Projects:
    """The open projects, beside the agents of `everybody`.

    `retire` is given the agents of those that were closed, to be closed when no run uses them, and the ids of new ones,
    `learn` the secrets of those that are opened.
    """

    def __init__(
        self,
        finder: Finder | None,
        events: Events,
        everybody: Agents,
        foreign: Foreign,
        retire: Callable[[Agents, set[str]], None],
        learn: Callable[[Mapping[str, str]], None],
    ) -> None:
        self._finder, self._events, self._everybody, self._retire = finder, events, everybody, retire
        self._foreign, self._learn = foreign, learn
        self._open: OrderedDict[str, Project] = OrderedDict()
        self._ending: set[asyncio.Task[None]] = set()
        self._told: set[tuple[str, str]] = set()

    async def at(self, cwd: str | None) -> Place:
        """The project of a directory, as it is now: what was trusted, changed or revoked since counts."""
        finder = self._finder
        if cwd is None or finder is None:
            return Place()
        # In a thread: it looks at files of a stranger, on a disk that may not answer.
        found = await in_thread(lambda: finder.find(cwd))
        if found is None:
            return Place()
        notice = found.notice
        if found.stamp is None:
            self._close(found.root)
        else:
            try:
                return Place(found.root, self._entered(found.root, found.stamp, finder))
            except ConfigError as error:
                notice = str(error)
        self._tell(found.root, notice or "")
        return Place(found.root, notice=notice)

    async def trusted(self) -> Sequence[Trusted]:
        """The projects that the user has trusted, by path; none of them is opened for it.

        Raises:
            ConfigError: they cannot be read.
        """
        return [] if self._finder is None else await in_thread(self._finder.trusted)

    def find(self, spec: RunSpec) -> Program | None:
        """The program of a run that was started in a project; None while that is not trusted."""
        root: Any = spec.metadata[PROJECT]
        try:
            if root not in self._open and self._finder is not None:
                self._enter(self._finder.make(root, self._foreign.servers), root)
        except ConfigError as error:
            log.warning("a run of agent %s cannot go on: %s", spec.agent, error)
        project = self._open.get(root)
        return project.agents.find(spec) if project else None

    def _entered(self, root: str, stamp: str, finder: Finder) -> Project:
        project = self._open.get(root)
        if project is None or project.stamp != stamp:
            return self._enter(finder.make(root, self._foreign.servers), root)
        self._open.move_to_end(root)
        return project

    def _enter(self, made: Made, root: str) -> Project:
        self._close(root)
        while len(self._open) >= _MOST:
            self._close(next(iter(self._open)))
        self._learn(made.secrets)
        skills, foreign = Skills(made.skills, self._events, root), Foreign(made.servers, self._events)
        project = self._open[root] = Project(root, made.stamp, made.agents, skills, foreign)
        project.skills.start()
        project.foreign.start()
        log.info("the project %s is open", root)
        self._retire(Agents([]), {each.agent.id for each in made.agents.list()})
        return project

    def _close(self, root: str) -> None:
        if project := self._open.pop(root, None):
            # At once, also where a run still uses them: what is trusted no more must not go on.
            ending = asyncio.create_task(_end(project), name=f"close project {root}")
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            self._retire(project.agents.apart_from(self._everybody), set())

    def _tell(self, root: str, notice: str) -> None:
        if (root, notice) not in self._told:
            self._told.add((root, notice))
            log.warning("%s", notice)

    def forget(self) -> None:
        """Close all of them: everybody's settings have changed. Each is made anew when somebody comes."""
        for root in list(self._open):
            self._close(root)

    async def close(self) -> None:
        """Let go of everything; no run goes on any more."""
        for project in self._open.values():
            await _end(project)
            await project.agents.apart_from(self._everybody).close()
        await asyncio.gather(*self._ending)


async def _end(project: Project) -> None:
    await project.skills.close()
    await project.foreign.close()
