"""A daemon without a process to try things on, and clients of it without a socket."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from agiwo.agent import Agent
from agiwo.clock import Clock
from agiwo.durable import DurableContext, Program
from agiwo.journal.care import Store
from agiwo.journal.memory import MemoryJournal
from agiwo.llm.base import Message, Model
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import RunSpec
from agiwo.skill.manager import SkillManager
from agiwo.testing import ScriptedModel
from agiwo_protocol.channel import MemoryChannel, memory_pair
from agiwo_protocol.jsonrpc import Notification
from agiwo_protocol.peer import HandleRequest, Peer, refuse_requests
from agiwod.face.rpc.face import RpcFace
from agiwod.runtime.agents import Agents, Registered
from agiwod.runtime.daemon import Daemon
from engine_lab import Tiny
from wire_stream import WireStream

PATIENCE = 60.0
"""Seconds after which something that should happen does not."""


@dataclass
class LiveModel(Model):
    """Says what a test feeds it, piece by piece; `None` ends the answer. Serves one run at a time."""

    id: str = "live"
    pieces: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue[str | None](), repr=False)
    asked: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        self.asked.set()
        while (piece := await self.pieces.get()) is not None:
            yield StreamChunk(content=piece)
        yield StreamChunk(finish_reason="stop")

    def say(self, *pieces: str | None) -> None:
        for piece in pieces:
            self.pieces.put_nowait(piece)


def scripted(id: str, *turns: Mapping[str, Any]) -> Agent:
    """An agent that says the same in every run."""
    return Agent(
        id,
        f"says what {id} says",
        ScriptedModel(turns=list(turns) or [{"text": "hello world", "deltas": 2, "delayMs": 1}]),
    )


def parent_of(*children: str) -> Tiny:
    """A program that starts a run of each of these agents, one after the other, and waits for it."""

    async def main(ctx: DurableContext) -> list[str | None]:
        said: list[str | None] = []
        for number, agent in enumerate(children):
            spec = RunSpec(agent, f"{ctx.run.spec.session}.{number}", "go", ctx.run.spec.plan)
            child = await ctx.spawn(f"{number}/spawn", spec)
            result = (await ctx.wait(f"{number}/wait", [child]))[child]
            said.append(result.response if result else None)
        return said

    return Tiny(main)


class OwnPrograms(Agents):
    """Agents, some of whom run a test's program in the place of their own."""

    def __init__(self, agents: Sequence[Agent], programs: Mapping[str, Program]) -> None:
        super().__init__([Registered(agent) for agent in agents])
        self._programs = programs

    def find(self, spec: RunSpec) -> Program | None:
        return self._programs.get(spec.agent) or super().find(spec)


class KeptJournal(MemoryJournal):
    """A journal that outlives the daemon that closes it, as a file does."""

    async def close(self) -> None:
        return


@asynccontextmanager
async def running(
    *agents: Agent,
    journal: Store | None = None,
    clock: Clock | None = None,
    programs: Mapping[str, Program] | None = None,
    skills: SkillManager | None = None,
) -> AsyncGenerator[Daemon]:
    """A daemon that is ready, with these agents, else with one called `echo`."""
    registry = OwnPrograms(agents or [scripted("echo")], programs or {})
    daemon = Daemon(journal or MemoryJournal(), registry, clock=clock, skills=skills)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.close()


class Caller:
    """A client that checks the invariant of flow control on every event that it gets."""

    def __init__(self, channel: MemoryChannel, serve: HandleRequest = refuse_requests) -> None:
        self.channel = channel
        self.peer = Peer(channel, serve, self._hear)
        self.streams: dict[str, WireStream] = {}
        self.told: list[Notification] = []
        self.faults: list[AssertionError] = []
        self.greeting: Any = None
        self._came = asyncio.Event()

    def _hear(self, peer: Peer, notification: Notification) -> None:
        self.told.append(notification)
        if notification.method == "run/event" and isinstance(notification.params, dict):
            self._take(notification.params)
        self._came.set()

    def _take(self, frame: Mapping[str, Any]) -> None:
        try:
            self.streams.setdefault(frame["runId"], WireStream(frame["runId"])).take(frame)
        except AssertionError as fault:  # a peer keeps what a handler raises to itself
            self.faults.append(fault)

    def expect(self, run: str, after: int) -> None:
        """Begin to read a run anew, behind that seq."""
        self.streams[run] = WireStream(run, after)

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a request."""
        return await self.peer.request(method, params, timeout=PATIENCE)

    async def shake_hands(self, **params: Any) -> Any:
        """The answer of `initialize`."""
        return await self.call("initialize", protocolVersion=1, clientInfo={"name": "test"}, **params)

    async def start(self, agent: str = "echo", **params: Any) -> str:
        """The id of a new run."""
        return (await self.call("run/start", agent=agent, **{"input": "hi", **params}))["runId"]

    async def read(self, run: str) -> WireStream:
        """The run's stream once its terminal event came."""
        await self.until(lambda: run in self.streams and self.streams[run].is_over)
        return self.streams[run]

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return once something holds that notifications bring about."""
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def calling(
    daemon: Daemon, *, high_water: int = 256 * 1024, greet: bool = True, serve: HandleRequest | None = None
) -> AsyncGenerator[Caller]:
    """A client of the daemon. With `serve` it can be asked about approvals."""
    async with calling_face(RpcFace(daemon), high_water=high_water, serve=serve or refuse_requests) as caller:
        if greet:
            await caller.shake_hands(**({"capabilities": {"approvals": {}}} if serve else {}))
        yield caller


@asynccontextmanager
async def calling_face(
    face: RpcFace, *, high_water: int = 256 * 1024, serve: HandleRequest = refuse_requests
) -> AsyncGenerator[Caller]:
    """A client at a face that others may be at too."""
    ours, theirs = memory_pair(high_water=high_water)
    caller = Caller(ours, serve)
    tasks = [asyncio.create_task(face.converse(theirs)), asyncio.create_task(caller.peer.run())]
    try:
        yield caller
    finally:
        await ours.close()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)
        assert not caller.faults, caller.faults
