"""agiwo 0.1.0 from PyPI, which has the name of ours: a scheduler with its own settings but for two limits."""
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportIndexIssue=false, reportIncompatibleMethodOverride=false
# What this imports is installed in another interpreter; under its name this one has another package.

from contextlib import asynccontextmanager

from agiwo.agent import Agent, AgentConfig
from agiwo.llm.base import Model, StreamChunk
from agiwo.scheduler import AgentStateStatus, AgentStateStorageConfig, Scheduler, SchedulerConfig, TaskLimits
from drivers.crowd import until


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


class Driver:
    """Agents of one scheduler."""

    def __init__(self, crowd):
        self._crowd, self._model = crowd, Crowded(crowd)

    @asynccontextmanager
    async def opened(self, folder, at_once):
        """A scheduler over a file."""
        storage = AgentStateStorageConfig(storage_type="sqlite", config={"db_path": str(folder / "agents.db")})
        limits = TaskLimits(max_children_per_agent=1000)
        config = SchedulerConfig(state_storage=storage, max_concurrent=at_once, task_limits=limits)
        async with Scheduler(config) as self._scheduler:
            yield

    def _agent(self, name):
        return Agent(AgentConfig(name="crowd"), model=self._model, id=name)

    async def run(self, task):
        """Let an agent do it to its end."""
        await self._scheduler.run(self._agent(task.replace(" ", "-")), task, timeout=60)

    async def sleep(self, begin, end, seconds):
        """Put agents to sleep; return when all are."""
        for number in range(begin, end):
            await self._scheduler.submit(self._agent(f"sleeper-{number}"), f"@sleep {seconds} {number}")
        await until(end, lambda: self._crowd.asleep)
        await until(end, self._asleep)

    async def _asleep(self):
        return len(await self._scheduler._store.list_states(statuses=(AgentStateStatus.WAITING,), limit=10_000))
