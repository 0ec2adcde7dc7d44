"""Scheduled agents in a lab: models that answer by the task, and a supervisor over a clock that stands still."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from agent_lab import CheckedModel
from agiwo.agent import Agent
from agiwo.errors import NotFound
from agiwo.llm.base import Message
from agiwo.scheduler import Supervisor
from agiwo.scheduler.config import SchedulerConfig
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import RunResult, RunStatus
from agiwo.schema.state import AgentStateStatus
from engine_lab import Lab

Turn = Mapping[str, Any]

DONE: dict[str, Any] = {"text": "Done."}
HANGING: dict[str, Any] = {"text": "so far", "hang": True}


@dataclass
class Parts(CheckedModel):
    """A model for several agents: it says the part of the task that it is at, and of any other task that it did it."""

    parts: Mapping[str, Sequence[Turn]] = field(default_factory=dict[str, Sequence[Turn]])

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """The next turn of the part; who is asked to stop sums up."""
        task = self._task(messages)
        stopped = messages[-1]["role"] == "user" and messages[-1]["content"].startswith("You must stop")
        said = f"{task}: summed up." if stopped else f"did {task}"
        part = None if stopped else self.parts.get(task)
        speaker = CheckedModel(turns=part or [{"text": said}] * 1000)
        async with aclosing(speaker.arun_stream(messages, tools)) as chunks:
            async for chunk in chunks:
                yield chunk
        self.requests.extend(speaker.requests)

    def _task(self, messages: Sequence[Message]) -> str:
        said = [message["content"] for message in messages if message["role"] == "user"]
        return [text for text in said if not text.startswith("You must stop")][-1]

    def conversation(self, task: str) -> Sequence[Message]:
        """The last one about this task."""
        return next(each.messages for each in reversed(self.requests) if self._task(each.messages) == task)

    def told(self, task: str) -> list[str]:
        """What its calls gave in this task."""
        return [message["content"] for message in self.conversation(task) if message["role"] == "tool"]


def agent_with(parts: Mapping[str, Sequence[Turn]], id: str = "root", **more: Any) -> Agent:
    """An agent that says these parts."""
    return Agent(id, "Does as told.", Parts(parts=parts), more.pop("tools", []), **more)


def model_of(agent: Agent) -> Parts:
    """The model of such an agent."""
    assert isinstance(agent.model, Parts)
    return agent.model


def spawn(task: str, **more: Any) -> tuple[str, Any]:
    """A call that starts an agent; its id is the task, unless another one is given."""
    return "spawn_agent", {"task": task, "child_id": task, **more}


def nap(wake_type: str = "waitset", **more: Any) -> tuple[str, Any]:
    """A call that sleeps."""
    return "sleep_and_wait", {"wake_type": wake_type, **more}


def query(id: str) -> tuple[str, Any]:
    """A call that looks at an agent."""
    return "query_spawned_agent", {"agent_id": id}


class Desk:
    """A supervisor in a lab. `agents` are known by their ids."""

    def __init__(self, lab: Lab, agents: Iterable[Agent], config: SchedulerConfig | None = None) -> None:
        self.lab, self._config = lab, config
        self._agents = {agent.id: agent for agent in agents}
        self.supervisor = self._new_supervisor()

    def _new_supervisor(self) -> Supervisor:
        supervisor = Supervisor(self.lab.engine, self._find, self._config, clock=self.lab.clock)
        for agent in self._agents.values():
            self.lab.programs[agent.id] = supervisor.managed(agent).program
        return supervisor

    def _find(self, id: str) -> Agent:
        if id not in self._agents:
            raise NotFound("agent", id, f"there are {', '.join(self._agents)}")
        return self._agents[id]

    @property
    def model(self) -> Parts:
        """The model of the first agent."""
        return model_of(next(iter(self._agents.values())))

    async def submit(self, task: str = "go", *, agent: str | None = None, **more: Any) -> str:
        """Let the first agent, or that one, work on a task."""
        id = agent or next(iter(self._agents))
        return await self.supervisor.submit(self._agents[id], task, **more)

    async def run(self, task: str = "go", **more: Any) -> RunResult:
        """Submit, and wait for the end."""
        return await self.result(await self.submit(task, **more))

    async def result(self, state: str = "root", task: str | None = None) -> RunResult:
        """How it ended; an agent that does not end is a test that fails."""
        return await self.supervisor.wait_for(state, task, timeout=60)

    async def status(self, state: str = "root") -> AgentStateStatus:
        """Where it stands once everything has happened."""
        await self.lab.settle()
        return (await self.supervisor.states.look(state)).status

    async def restart(self) -> None:
        """Let the process die and the next one take over."""
        self.supervisor.clock = self.lab.clock
        await self.lab.restart()
        self.supervisor = self._new_supervisor()

    async def finished(self) -> Mapping[str, RunStatus]:
        """The states whose runs have ended, and how."""
        heads = {head.run: head.status for head in await self.lab.heads()}
        states = await self.lab.tape.journal.states()
        return {state.id: heads[state.run] for state in states if heads[state.run].is_terminal}
