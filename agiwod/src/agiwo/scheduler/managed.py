"""An agent as a scheduler runs it: a copy with three more tools. The agent that it is made from stays as it is."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from agiwo.agent.agent import Agent
from agiwo.loop.guard import TaskLimits
from agiwo.scheduler.tools import QueryTool, SleepTool, SpawnTool

if TYPE_CHECKING:
    from agiwo.scheduler.supervisor import Supervisor


class ManagedAgent(Agent):
    """Has the model, tools, skills, prompt, hooks and options of another agent, and can start others and sleep.

    It is asked for a last word whenever it has to stop, so that whoever waits for it is told something.
    """

    def __init__(self, agent: Agent, supervisor: "Supervisor", limits: TaskLimits, pool: asyncio.Semaphore) -> None:
        self.pool = pool
        own = (SpawnTool(supervisor, limits), SleepTool(supervisor, limits), QueryTool(supervisor))
        super().__init__(
            agent.id,
            agent.description,
            agent.model,
            [*agent.tools, *agent.toolsets, *own],
            agent.system_prompt,
            replace(agent.options, enable_termination_summary=True),
            agent.hooks,
            agent.on_approval,
            agent.skills,
        )
