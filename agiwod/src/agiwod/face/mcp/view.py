"""What the clients of one server are shown: everybody's, or that of the trusted project which they work in."""

from collections.abc import Iterator
from dataclasses import dataclass

from agiwo.agent import Agent
from agiwo.skill.errors import SkillNotFoundError
from agiwo.skill.skill import SkillContent

from agiwod.runtime.agents import Agents
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.exposure import Exposure
from agiwod.runtime.projects import Project
from agiwod.runtime.skills import Skills


@dataclass(frozen=True, slots=True)
class View:
    """Agents and skills at one moment, as far as they are exposed. Runs begin in the `project`, if there is one."""

    exposure: Exposure
    project: Project | None
    _agents: Agents
    _skills: Skills

    @property
    def agents(self) -> Iterator[Agent]:
        """The agents, in the order in which they were defined."""
        return (each.agent for each in self._agents.list() if self.exposure.shows_agent(each.agent.id))

    async def skills(self) -> list[SkillContent]:
        """The skills by name."""
        return [each for each in await self._skills.list() if self.exposure.shows_skill(each.name)]

    async def skill(self, name: str) -> SkillContent:
        """One of them.

        Raises:
            SkillNotFoundError: none of that name is shown; the message names what comes close.
        """
        found = (await self._skills.list()).get(name)
        if not self.exposure.shows_skill(name):
            raise SkillNotFoundError(name, "")
        return found


async def view_of(daemon: Daemon, cwd: str | None) -> View:
    """What is shown now to clients that work in that directory: what was trusted or revoked since counts."""
    project = (await daemon.projects.at(cwd)).project
    if project is None:
        return View(daemon.exposure, None, daemon.agents, daemon.skills)
    return View(daemon.exposure, project, project.agents, project.skills)
