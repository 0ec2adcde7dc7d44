"""A run that has everything to wait for, on each wire, and somebody who cancels it at any turn of its event loop.

It waits for hooks, a request that breaks off, the pause before the next one, an answer in pieces, tools side by side,
another agent, somebody's word, and a pause that the provider wants and through which the run sleeps. Providers refuse
whatever any server of their wire would refuse.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, cast

import fake_messages
import fake_provider
import strict_chat
from agent_lab import check_conversation
from agiwo.agent import Agent, AgentHooks, AgentOptions, StreamEvent, TerminationReason
from agiwo.llm import AnthropicModel, DeepseekModel, Model, NvidiaModel, OpenAIModel, Price
from agiwo.llm.base import Message
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.event import (
    APPROVAL_REQUESTED,
    APPROVAL_RESOLVED,
    ITEM_COMPLETED,
    ITEM_STARTED,
    RUN_CANCELLED,
    RUN_RETRYING,
    TERMINAL_EVENTS,
)
from agiwo.testing import ScriptedModel
from agiwo.tool import tool
from fake_provider import Answer, FakeProvider, Received, delta, refuses
from jumping_loop import JumpingLoop

WIRES = ("openai", "anthropic", "deepseek", "nvidia", "scripted")

_MODELS: Mapping[str, type[Model]] = {
    "openai": OpenAIModel,
    "anthropic": AnthropicModel,
    "deepseek": DeepseekModel,
    "nvidia": NvidiaModel,
}

AGAIN = "and now?"
"""What the user says after the cancelled run."""

_PAUSE = 300.0
"""Seconds that the provider wants to be left alone: so many that the run sleeps."""

_WORK = 0.01
"""Seconds that hooks, tools and people take."""

_PATIENCE = 5.0
"""Seconds within which what should happen does; not of real time."""


# What the models say


@dataclass(frozen=True)
class _Said:
    """A turn of a model, on any wire."""

    thought: str = ""
    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()

    def chat(self) -> Answer:
        pieces = [fake_provider.START]
        pieces += [delta(reasoning_content=self.thought)] if self.thought else []
        pieces += [delta(content=piece) for piece in self.text.split()]
        for index, (name, arguments) in enumerate(self.calls):
            begin = {"index": index, "id": f"call-{index}", "type": "function", "function": {"name": name}}
            pieces.append(delta(tool_calls=[begin]))
            pieces += [
                delta(tool_calls=[{"index": index, "function": {"arguments": each}}]) for each in _cut(arguments)
            ]
        pieces += [delta("tool_calls" if self.calls else "stop"), fake_provider.usage(7, 3), fake_provider.DONE]
        return Answer(pieces, pause=0.001)

    def messages(self) -> Answer:
        blocks = [fake_messages.thought(0, "signed", self.thought)] if self.thought else []
        blocks += [fake_messages.text(len(blocks), *self.text.split())] if self.text else []
        for number, (name, arguments) in enumerate(self.calls):
            blocks.append(fake_messages.call(len(blocks), f"toolu_{number}", name, *_cut(arguments)))
        whole = fake_messages.whole(*blocks, reason="tool_use" if self.calls else "end_turn")
        return Answer(whole.pieces, pause=0.001)

    def turn(self) -> dict[str, Any]:
        calls = [{"name": name, "arguments": arguments} for name, arguments in self.calls]
        return {"reasoning": self.thought, "text": self.text, "deltas": 2, "delayMs": 1, "toolCalls": calls}


def _cut(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


_CALLS = (("look", '{"at":"this"}'), ("look", '{"at":"that"}'), ("act", '{"how":"so"}'), ("child", '{"task":"Look."}'))
_ROOT = (_Said("Let me see.", "One moment.", _CALLS), _Said("Now I know.", "All is done."))
_CHILD = (_Said("", "", (("look", '{"at":"it"}'),)), _Said("", "Looked at it."))
_FINE = _Said("Well.", "fine")


class Provider(FakeProvider):
    """Says what its model's turn is, after two requests that fail, and before the last turn it wants a long pause.

    `faults` is what it had to refuse.
    """

    def __init__(self, wire: str) -> None:
        super().__init__(choose=self._answer)
        self._wire = wire
        self._attempts = Counter[tuple[str, str, int]]()
        self.faults: list[str] = []

    def _answer(self, request: Received) -> Answer:
        if faults := list(self._faults_of(request.body)):
            self.faults += faults
            return refuses(400, {"error": {"message": "; ".join(faults), "type": "invalid_request_error"}})
        said = [(each["role"], _text(each["content"])) for each in request.body["messages"] if each["role"] != "system"]
        if said[-1][1].endswith(AGAIN):
            return self._on_the_wire(_FINE)
        return self._turn(request.body["model"], said)

    def _turn(self, model: str, said: Sequence[tuple[str, str]]) -> Answer:
        number, run = sum(role == "assistant" for role, _ in said), said[0][1]
        self._attempts[model, run, number] += 1
        attempt, turn = self._attempts[model, run, number], (_ROOT if model == "root" else _CHILD)[number]
        answer = self._on_the_wire(turn)
        if model == "child":
            return answer
        if number and attempt == 1:
            return refuses(429, {"error": {"message": "slow down"}}, retry_after=f"{_PAUSE:g}")
        if not number and attempt == 1:
            return Answer(answer.pieces[: len(answer.pieces) // 3], end="cut", pause=0.001)
        if not number and attempt == 2:
            return refuses(503, {"error": {"message": "busy"}}, retry_after_ms="20")
        return answer

    def _on_the_wire(self, said: _Said) -> Answer:
        return said.messages() if self._wire == "anthropic" else said.chat()

    def _faults_of(self, body: Mapping[str, Any]) -> Sequence[str]:
        if self._wire == "anthropic":
            return list(fake_messages.faults_of(body))
        return list(strict_chat.faults_of(body, thoughts=self._wire == "deepseek"))


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in cast(list[Mapping[str, Any]], content))
    return content or ""


@dataclass
class _Script(ScriptedModel):
    """A scripted model that refuses what a provider would refuse, and is fine after a cancelled run."""

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        check_conversation(messages)
        if str(messages[-1]["content"]).endswith(AGAIN):
            yield StreamChunk(content=_FINE.text, finish_reason="stop")
            return
        async for chunk in super().arun_stream(messages, tools):
            yield chunk


def _script(name: str) -> Model:
    if name == "child":
        return _Script("child", turns=[each.turn() for each in _CHILD])
    busy = {"text": "One", "error": {"kind": "overloaded", "message": "busy", "retryAfter": 0.02}}
    pause = {"error": {"kind": "rate_limited", "message": "slow down", "retryAfter": _PAUSE}}
    return _Script("root", turns=[busy, _ROOT[0].turn(), pause, _ROOT[1].turn()])


# The run


Way = Literal["handle", "caller"]
"""How a run is cancelled: by its handle, or by cancelling the task that waits for `agent.run`."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What became of a cancelled run: seconds to its terminal event, which the run's readers were told."""

    turn: int
    seconds: float


class Stage:
    """One agent with all that, and the checks of what a cancelled run leaves behind."""

    last_word = ""
    """What an undisturbed run says in the end, once there was one."""

    def __init__(self, agent: Agent, provider: Provider | None, loop: JumpingLoop) -> None:
        self._agent, self._provider, self._loop = agent, provider, loop
        self._count = 0
        self._idle = {task.get_name() for task in asyncio.all_tasks()}

    async def undisturbed(self) -> tuple[int, list[StreamEvent]]:
        """How many turns the run takes when nobody cancels it, and what it tells."""
        before, handle = self._loop.turns, await self._agent.start(self._next(), session_id=f"s{self._count}")
        events = [event async for event in handle.stream()]
        turns, self.last_word = self._loop.turns - before, events[-1].data["response"]
        await self._settle()
        return turns, events

    async def cancel(self, turn: int, way: Way = "handle") -> Cancelled | None:
        """Cancel a run in that turn, check what it leaves, and go on with its session; None: it was over before."""
        said, session = self._next(), f"s{self._count}"
        cancelled = await (self._by_handle if way == "handle" else self._by_caller)(said, session, turn)
        if cancelled is not None:
            await self._goes_on(session)
        await self._settle()
        return cancelled

    def _next(self) -> str:
        self._count += 1
        return f"go {self._count}"

    async def _by_handle(self, said: str, session: str, turn: int) -> Cancelled | None:
        handle = await self._agent.start(said, session_id=session)
        wishes: list[tuple[float, asyncio.Task[bool]]] = []
        self._loop.call_in_turn(
            turn, lambda: wishes.append((self._loop.time(), asyncio.ensure_future(handle.cancel("enough"))))
        )
        events = [event async for event in handle.stream()]
        ended_at = self._loop.time()
        self._loop.forget()
        check(events)
        if not wishes or not await wishes[0][1]:
            return None
        # Who had said its last word when the wish came, has ended with it.
        assert events[-1].name == RUN_CANCELLED or events[-1].data["response"] == self.last_word
        return Cancelled(turn, ended_at - wishes[0][0])

    async def _by_caller(self, said: str, session: str, turn: int) -> Cancelled | None:
        running = asyncio.ensure_future(self._agent.run(said, session_id=session))
        wishes: list[float] = []
        self._loop.call_in_turn(turn, lambda: running.cancel() and wishes.append(self._loop.time()))
        with suppress(asyncio.CancelledError):
            await running
        self._loop.forget()
        if not wishes:
            return None
        assert running.cancelled()
        for run in await self._agent.run_step_storage.list_runs(session_id=session):
            events = [event async for event in (await self._agent.attach(run.id)).stream()]
            check(events)
        return Cancelled(turn, self._loop.time() - wishes[0])

    async def _goes_on(self, session: str) -> None:
        """The provider is left alone, and the session takes the next message."""
        if self._provider is not None:
            async with asyncio.timeout(_PATIENCE):
                while self._provider.answering:  # noqa: ASYNC110 - what a socket does has no event
                    await asyncio.sleep(0)
        output = await self._agent.run(AGAIN, session_id=session)
        assert self._provider is None or not self._provider.faults, self._provider.faults
        assert (output.response, output.termination_reason) == ("fine", TerminationReason.COMPLETED), output

    async def _settle(self) -> None:
        """Let the provider's pause pass, and all that is to end; nothing may be left then."""
        await asyncio.sleep(2 * _PAUSE)
        left = {task.get_name() for task in asyncio.all_tasks()} - self._idle
        assert not left, left


def check(events: Sequence[StreamEvent]) -> None:
    """Fail unless each run of the tree has one terminal event, its last, with nothing open in it."""
    open_items: dict[str, set[str]] = {}
    asked: set[str] = set()
    over: set[str] = set()
    for event in events:
        assert event.run_id not in over, f"{event.name} after the end of {event.agent_id}"
        items, item = open_items.setdefault(event.run_id, set()), event.step_id or ""
        if event.name == ITEM_STARTED:
            items.add(item)
        elif event.name == ITEM_COMPLETED:
            items.discard(item)
        elif event.name == RUN_RETRYING:
            items.clear()
        elif event.name == APPROVAL_REQUESTED:
            asked.add(event.data["approvalId"])
        elif event.name == APPROVAL_RESOLVED:
            asked.discard(event.data["approvalId"])
        elif event.name in TERMINAL_EVENTS:
            assert not items, f"{event.agent_id} has ended and left open {items}"
            over.add(event.run_id)
    assert over == open_items.keys(), "a run has not ended"
    assert not asked, asked


@asynccontextmanager
async def stage(wire: str) -> AsyncGenerator[Stage]:
    """A stage on that wire. It needs a `JumpingLoop`."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    if wire == "scripted":
        agent = _agent(_script("root"), _script("child"))
        yield Stage(agent, None, loop)
        await agent.close()
        return
    async with Provider(wire) as provider:
        options: dict[str, Any] = {"api_key": "k", "base_url": provider.base_url, "price": Price(1, 2)}
        agent = _agent(_MODELS[wire]("root", **options), _MODELS[wire]("child", **options))
        yield Stage(agent, provider, loop)
        await agent.close()


def _agent(root: Model, child: Model) -> Agent:
    hooks = AgentHooks(
        on_before_run=_before_run, on_before_llm_call=_pass, on_before_tool_call=_before_tool, on_event=_pass
    )
    below = Agent("child", "Looks.", child, [look])
    tools = [look, act, below.as_tool()]
    return Agent("root", "Does it all.", root, tools, "Be quick.", AgentOptions(), hooks, on_approval=_allow)


async def _before_run(*_: Any) -> None:
    await asyncio.sleep(_WORK)


async def _before_tool(*_: Any) -> None:
    await asyncio.sleep(_WORK)


async def _pass(*_: Any) -> None:
    await asyncio.sleep(0)


async def _allow(*_: Any) -> bool:
    await asyncio.sleep(_WORK)
    return True


@tool(effect="read")
async def look(at: str) -> str:
    """Looks at something."""
    await asyncio.sleep(_WORK)
    return f"seen {at}"


@tool(approval=True)
async def act(how: str) -> str:
    """Does something."""
    await asyncio.sleep(_WORK)
    return f"done {how}"
