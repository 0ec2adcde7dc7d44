"""What the agent's suites share: agents that are closed when the test is over."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from agent_lab import CheckedModel
from agiwo.agent import Agent


class Agents:
    """Makes agents, and closes them when the test is over."""

    def __init__(self) -> None:
        self.made: list[Agent] = []

    def make(self, *turns: Any, id: str = "agent", **options: Any) -> Agent:
        agent = Agent(id, "Does as told.", CheckedModel(turns=turns), **options)
        self.made.append(agent)
        return agent


@pytest.fixture
async def agents() -> AsyncGenerator[Agents]:
    agents = Agents()
    yield agents
    for agent in agents.made:
        await agent.close()
