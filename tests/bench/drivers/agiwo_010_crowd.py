"""agiwo 0.1.0 from PyPI, which has the name of ours: a scheduler with its own settings but for the two limits."""
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportIndexIssue=false, reportIncompatibleMethodOverride=false
# What this imports is installed in another interpreter; under its name this one has another package.

from time import perf_counter

from agiwo.agent import Agent, AgentConfig
from agiwo.llm.base import Model, StreamChunk
from agiwo.scheduler import AgentStateStorageConfig, Scheduler, SchedulerConfig, TaskLimits

SPAWN = "spawn_agent"


class Crowded(Model):
    """A model that says what the crowd's says."""

    def __init__(self, crowd):
        super().__init__(id="crowd", name="crowd")
        self._crowd = crowd

    async def arun_stream(self, messages, tools=None):
        """The next answer."""
        text, calls = await self._crowd.turn(messages)
        yield StreamChunk(content=text) if text else StreamChunk(tool_calls=calls)
        yield StreamChunk(finish_reason="stop" if text else "tool_calls")


async def run(crowd, children, at_once, folder):
    """Run the parent, and give the seconds until its answer was there."""
    storage = AgentStateStorageConfig(
        storage_type="sqlite" if folder else "memory", config={"db_path": str(folder / "agents.db")} if folder else {}
    )
    limits = TaskLimits(max_children_per_agent=children)
    config = SchedulerConfig(state_storage=storage, max_concurrent=at_once, task_limits=limits)
    agent = Agent(AgentConfig(name="parent"), model=Crowded(crowd), id="parent")
    async with Scheduler(config) as scheduler:
        began = perf_counter()
        await scheduler.run(agent, "go", timeout=60)
        return perf_counter() - began
