"""What of the daemon is shown to clients that take its agents for tools. Decides nothing about our own protocol."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Exposure:
    """Agents and skills by patterns of their names, and whether the scheduler and recorded runs are shown."""

    agents: tuple[str, ...] = ("*",)
    skills: tuple[str, ...] = ("*",)
    scheduler: bool = True
    runs: bool = True

    def shows_agent(self, id: str) -> bool:
        """Whether an agent of that id is shown."""
        return _matches(id, self.agents)

    def shows_skill(self, name: str) -> bool:
        """Whether a skill of that name is shown."""
        return _matches(name, self.skills)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
