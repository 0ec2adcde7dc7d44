"""The agents of the settings as tools of each other. Makes none of them."""

from collections.abc import Iterable, Mapping
from typing import Final

from agiwo.agent import Agent, AgentTool

from agiwod.settings import AgentSettings

AGENT: Final = "agent:"
"""How the name of a tool begins behind which another agent stands."""


class Team:
    """Who can be called by whom: every agent by every other one, also in a circle, which ends when it is run.

    So those of tables are known by name before they are made, and `join` once they are.
    """

    def __init__(self, tables: Mapping[str, AgentSettings], made: Iterable[Agent]) -> None:
        self._tables, self._made = tables, {agent.id: agent for agent in made}

    def join(self, agent: Agent) -> None:
        """Take one in who has been made."""
        self._made[agent.id] = agent

    def others(self, agent: str) -> list[str]:
        """The names of the tools behind which the others stand."""
        return [f"{AGENT}{id}" for id in {**self._tables, **self._made} if id != agent]

    def tool(self, name: str) -> AgentTool:
        """The tool of that name."""
        id = name.removeprefix(AGENT)
        if id not in self._tables:
            return self._made[id].as_tool()
        return AgentTool(lambda: self._made[id], id, self._tables[id].description or f"Asks the agent {id}.")
