"""What a user may begin a prompt with: `/skill` and `/agent`. Runs neither."""

import re
from dataclasses import dataclass
from typing import Any, Final

from agiwo.agent import Agent

from agiwod.face.acp.shapes import Json
from agiwod.runtime.agents import Agents

_COMMAND: Final = re.compile(r"/(\S+)\s*(.*)", re.DOTALL)

_DESCRIPTION: Final = 300
"""Characters of a description in a list of commands."""


@dataclass(frozen=True, slots=True)
class Command:
    """A word that may stand after the slash: the `skill` to read, or the `agent` to ask this one time."""

    name: str
    description: str
    skill: str | None = None
    agent: str | None = None

    def to_json(self) -> Json:
        """As an editor lists it."""
        return {
            "name": self.name,
            "description": self.description[:_DESCRIPTION],
            "input": {"hint": "what to do with it" if self.skill else "what to ask it"},
        }


def commands_of(agents: Agents, current: str) -> dict[str, Command]:
    """The commands by name: the skills of the agent that is asked, and the other agents."""
    known = {each.agent.id: each.agent for each in agents.list()}
    found = {id: Command(id, agent.description or f"Ask the agent {id}.", agent=id) for id, agent in known.items()}
    found.pop(current, None)
    for entry in _skills(known.get(current)):
        found[entry.name] = Command(entry.name, entry.description, skill=entry.name)
    return {name: each for name, each in found.items() if not re.search(r"\s", name)}


def _skills(agent: Agent | None) -> Any:
    return agent.skills.entries() if agent and agent.skills else ()


def commanded(parts: list[Json], commands: dict[str, Command]) -> tuple[list[Json], Command | None]:
    """The parts as they are meant, and the command that they begin with, if they do."""
    found = _COMMAND.fullmatch(parts[0]["text"]) if parts[0].get("type") == "text" else None
    command = commands.get(found[1]) if found else None
    if found is None or command is None:
        return parts, None
    asked = found[2]
    if command.skill is not None:
        asked = f"Read the skill {command.skill}, and do what it says.\n\n{asked}".rstrip()
    first = [{**parts[0], "text": asked}] if asked else []
    return [*first, *parts[1:]] or parts, command
