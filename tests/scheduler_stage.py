"""A scheduler over a file, whose agents do as they are told: each waits for the next word of whoever directs them."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_lab import check_conversation
from agiwo.agent import Agent
from agiwo.durable import Program
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.journal import open_journal
from agiwo.journal.memory import MemoryJournal
from agiwo.llm.base import Message
from agiwo.scheduler import SchedulerConfig, Supervisor, TaskLimits
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import RunSpec
from agiwo.testing import FrozenClock, ScriptedModel
from engine_tape import Tape
from scheduler_model import LAST, Sleep, Spawn

Asked = tuple[Sequence[Message], asyncio.Future[Mapping[str, Any]]]
"""What a model was sent, and the answer to come."""


@dataclass
class Puppet(ScriptedModel):
    """A model that answers when it is told what; `asked` holds by task what it was sent, and the answer to come."""

    asked: dict[str, Asked] = field(default_factory=dict[str, Asked])

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """The answer that is given it; who is to sum up does so at once."""
        check_conversation(messages)
        said = [message["content"] for message in messages if message["role"] == "user"]
        task = next(text for text in reversed(said) if not text.startswith("You must stop"))
        if said[-1] != task:
            turn: Mapping[str, Any] = {"text": f"{task}: summed up."}
        elif task.startswith("You are being shut down"):
            turn = {"text": LAST}
        else:
            turn = await self._told(task, messages)
        async for chunk in ScriptedModel(turns=[turn] * 1000).arun_stream(messages, tools):
            yield chunk

    async def _told(self, task: str, messages: Sequence[Message]) -> Mapping[str, Any]:
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self.asked[task] = messages, answer
        try:
            return await answer
        finally:
            if self.asked.get(task, (None, None))[1] is answer:
                del self.asked[task]

    def say(self, task: str, turn: Mapping[str, Any]) -> None:
        """Give the answer that is waited for in this task."""
        self.asked[task][1].set_result(turn)

    def told(self, task: str) -> list[str]:
        """What the calls of its last answer gave, as it reads them."""
        messages = list(self.asked[task][0])
        told: list[str] = []
        while messages[-1]["role"] == "tool":
            told.append(messages.pop()["content"])
        return told[::-1]


class Stage:
    """One store, a file or something that is as good as one, and a supervisor over it that can die and come back."""

    def __init__(self, file: Path | None, agents: Sequence[str], limits: TaskLimits) -> None:
        self._file, self._limits, self._memory = file, limits, MemoryJournal()
        self.clock, self.model = FrozenClock(), Puppet()
        self.agents = {id: Agent(id, "Does as told.", self.model, []) for id in agents}
        for agent in self.agents.values():
            agent.options.max_steps, agent.options.max_output_tokens = 10_000, 10**9
        self.supervisor: Supervisor

    async def open(self) -> None:
        """Begin, or go on with what is in the file."""
        self._tape = Tape(await open_journal("sqlite", db_path=self._file) if self._file else self._memory)
        self._engine = EmbeddedEngine(self._tape, self, clock=self.clock)
        config = SchedulerConfig(task_limits=self._limits)
        self.supervisor = Supervisor(self._engine, self.agents.__getitem__, config, clock=self.clock)
        self._engine.pool_of = self.supervisor.pool_of
        await self._engine.recover()
        await self.settle()

    def find(self, spec: RunSpec) -> Program | None:
        """The program of a run; see `Programs`."""
        return self.supervisor.program(spec)

    async def close(self) -> None:
        """Drop everything that is not in the file."""
        await self._engine.close()
        await self._tape.settle()
        if self._file:
            await self._tape.journal.close()

    async def settle(self) -> None:
        """Let everything happen that needs neither time nor anybody from outside."""
        await self._tape.settle()

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        await self.settle()


def turn_of(calls: Sequence[Spawn | Sleep]) -> Mapping[str, Any]:
    """An answer that makes these calls."""
    return {"toolCalls": [_call(call) for call in calls]}


def _call(call: Spawn | Sleep) -> Mapping[str, Any]:
    if isinstance(call, Spawn):
        return {"name": "spawn_agent", "arguments": {"task": call.task, "child_id": call.id}}
    if call.mode is None:
        return {"name": "sleep_and_wait", "arguments": {"wake_type": "timer", "delay_seconds": call.seconds}}
    chosen = {"wait_for": list(call.ids)} if call.ids else {}
    arguments = {"wake_type": "waitset", "wait_mode": call.mode, "timeout": call.seconds, **chosen}
    return {"name": "sleep_and_wait", "arguments": arguments}
