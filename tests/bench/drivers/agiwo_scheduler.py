"""Ours: a scheduler over a file that survives a power cut."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agiwo import Agent
from agiwo.llm.base import Message, Model
from agiwo.scheduler import AgentStateStorageConfig, Scheduler, SchedulerConfig, TaskLimits
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import RunStatus
from drivers.crowd import Crowd, until

ASLEEP = frozenset({RunStatus.SLEEPING})


class Crowded(Model):
    """A model that says what the crowd's says."""

    def __init__(self, crowd: Crowd) -> None:
        super().__init__("crowd")
        self._crowd = crowd

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """The next answer."""
        text, calls = await self._crowd.turn(messages)
        yield StreamChunk(content=text) if text else StreamChunk(tool_calls=calls)
        yield StreamChunk(finish_reason="stop" if text else "tool_calls")


class Driver:
    """Agents of one scheduler."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._agent = Agent("crowd", "", Crowded(crowd), [])

    @asynccontextmanager
    async def opened(self, folder: Path, at_once: int) -> AsyncGenerator[None]:
        """A scheduler that goes on with what the file has."""
        storage = AgentStateStorageConfig("sqlite", {"db_path": folder / "agents.db", "durability": "full"})
        limits = TaskLimits(max_children_per_agent=1000)
        config = SchedulerConfig(storage, max_concurrent=at_once, task_limits=limits)
        async with Scheduler(config, agents=[self._agent]) as self._scheduler:
            yield

    async def run(self, task: str) -> None:
        """Let an agent do it to its end."""
        (await self._scheduler.run(self._agent, task, timeout=60)).raise_for_error()

    async def sleep(self, begin: int, end: int, seconds: int) -> None:
        """Put agents to sleep; return when all are."""
        for number in range(begin, end):
            await self._scheduler.submit(self._agent, f"@sleep {seconds} {number}", state_id=f"sleeper-{number}")
        await until(end, lambda: self._crowd.asleep)
        await until(end, self._asleep)

    async def _asleep(self) -> int:
        journal = (await self._scheduler.start()).engine.journal
        return len(await journal.runs(statuses=ASLEEP, limit=100_000))
