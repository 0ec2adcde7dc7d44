"""Ours: a scheduler in memory, or over a file."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from agiwo import Agent
from agiwo.llm.base import Message, Model
from agiwo.scheduler import AgentStateStorageConfig, Scheduler, SchedulerConfig, TaskLimits
from agiwo.schema.chunk import StreamChunk
from drivers.crowd import Crowd

SPAWN = "spawn_agent"


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


async def run(crowd: Crowd, children: int, at_once: int, folder: Path | None) -> float:
    """Run the parent, and give the seconds until its answer was there."""
    config = {"db_path": folder / "agents.db"} if folder else {}
    storage = AgentStateStorageConfig("sqlite" if folder else "memory", config)
    limits = TaskLimits(max_children_per_agent=children)
    async with Scheduler(SchedulerConfig(storage, max_concurrent=at_once, task_limits=limits)) as scheduler:
        began = perf_counter()
        (await scheduler.run(Agent("parent", "", Crowded(crowd), []), "go", timeout=60)).raise_for_error()
        return perf_counter() - began
