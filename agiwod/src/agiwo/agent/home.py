"""Where the runs of agents live: one journal, one engine over it, and who runs there. Decides nothing about runs."""

import asyncio
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary, WeakSet

from agiwo.abort import AbortSignal
from agiwo.agent.approvers import Approvers
from agiwo.agent.exports import give_back, lend_export
from agiwo.agent.handle import RunHandle
from agiwo.agent.observers import LINGER, Observers
from agiwo.agent.output_type import OutputType
from agiwo.agent.reader import TreeReader
from agiwo.agent.storage import RunStepStorageConfig
from agiwo.clock import Clock
from agiwo.durable import SPEC, Program
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.errors import AgiwoError, ConfigError, NotFound, StorageError
from agiwo.journal import open_journal
from agiwo.journal.base import Journal
from agiwo.observability.collector import Keeping, TraceCollector
from agiwo.schema.record import RunHead
from agiwo.schema.run import TERMINAL, RunSpec, RunStatus

if TYPE_CHECKING:
    from agiwo.agent.agent import Agent
    from agiwo.observability.otlp import OtlpExport

_UNFINISHED = frozenset(RunStatus) - TERMINAL


class Resident(Protocol):
    """Who lives in a home: an agent, or a scheduler with the agents that work for it."""

    def family(self) -> "Iterator[Agent]":
        """The agents that come with it."""
        ...


class Home:
    """One store, opened when the first resident enters and closed when the last one leaves.

    All agents of a process that name the same file share it, so runs of one session follow each other whoever starts
    them. It also finds the program of a recorded run, by the object that made it, else by the agent's id; what works
    for a scheduler is run by a scheduler's agents, and nothing else is.
    """

    def __init__(self, storage: RunStepStorageConfig, clock: Clock | None = None) -> None:
        self._storage, self.clock = storage, clock
        self._residents: list[Resident] = []
        self._engine: EmbeddedEngine | None = None
        self._door = asyncio.Lock()
        self._entering: set[asyncio.Task[EmbeddedEngine]] = set()
        self._watches: set[asyncio.Task[None]] = set()
        self.readers: WeakSet[TreeReader] = WeakSet()
        self.observers = Observers(self, self._observes)
        self._approvers = Approvers(self, self._can_ask)
        self._traces: TraceCollector | None = None
        self._export: OtlpExport | None = None

    def find(self, spec: RunSpec) -> Program | None:
        """The program of a run; see `Programs`."""
        agent = self._agent_of(spec)
        return agent and agent.program

    def _agent_of(self, spec: RunSpec) -> "Agent | None":
        is_scheduled = spec.state is not None
        known = [each for each in self._agents() if each.id == spec.agent and (each.pool is not None) == is_scheduled]
        made = [agent for agent in known if agent.maker == spec.plan.get("maker")]
        return (made or known or [None])[-1]

    def _pool_of(self, spec: RunSpec) -> asyncio.Semaphore | None:
        agent = self._agent_of(spec)
        return agent and agent.pool

    def _agents(self) -> Iterator["Agent"]:
        return (agent for resident in self._residents for agent in resident.family())

    def _observes(self, agent: str) -> bool:
        known = [each.hooks.observes for each in self._agents() if each.id == agent]
        return any(known) or not known  # who is missing may have hooks once it is there

    def _can_ask(self) -> bool:
        return any(agent.on_approval for agent in self._agents())

    @property
    def traces(self) -> TraceCollector:
        """What makes the traces of the runs here, once somebody has entered."""
        assert self._traces
        return self._traces

    def _keeping(self, agent: str) -> Keeping | None:
        found = (each.keeping for each in self._agents() if each.id == agent)
        return next(filter(None, found), None)

    async def enter(
        self,
        resident: Resident,
        storage: RunStepStorageConfig,
        meet: Callable[[EmbeddedEngine], None] = lambda engine: None,
    ) -> EmbeddedEngine:
        """The engine that runs who enters. Unfinished runs of an earlier process go on from now on.

        `meet` is called with it before the first of them does.

        Raises:
            ConfigError, StorageError: the store cannot be opened.
        """
        if self._engine is not None and resident in self._residents:
            return self._engine
        # A caller that goes away in the middle must not leave a store that is half open.
        entering = asyncio.create_task(self._let_in(resident, storage, meet), name="open the store")
        self._entering.add(entering)
        entering.add_done_callback(self._entering.discard)
        return await asyncio.shield(entering)

    async def _let_in(
        self, resident: Resident, storage: RunStepStorageConfig, meet: Callable[[EmbeddedEngine], None]
    ) -> EmbeddedEngine:
        async with self._door:
            if self._engine is not None and resident in self._residents:
                return self._engine
            if resident not in self._residents:
                self._residents.append(resident)
            if self._engine is None:
                self._engine = await self._open(meet)
            else:
                await self._strengthen(storage)
                meet(self._engine)
                await self.resume(resident)
            return self._engine

    async def _open(self, meet: Callable[[EmbeddedEngine], None]) -> EmbeddedEngine:
        journal = await open_journal(self._storage.storage_type, **self._storage.options)

        export = self._export = lend_export()
        traces = self._traces = TraceCollector(journal, self._keeping, export)

        def follow(head: RunHead) -> None:
            traces.follow(head)
            self.observers.follow(engine, head)
            self._approvers.follow(engine, head)

        engine = EmbeddedEngine(journal, self, clock=self.clock, on_run=follow, pool_of=self._pool_of)
        meet(engine)
        await engine.recover()
        return engine

    async def _strengthen(self, storage: RunStepStorageConfig) -> None:
        """Make commits as durable as the newcomer wants them: whoever opens a file wanting more, gets it for all."""
        if storage != self._storage:
            journal = await open_journal(storage.storage_type, **storage.options)
            await journal.close()

    async def resume(self, newcomer: Resident) -> None:
        """Let go on what was suspended because this agent, or one behind its tools, was missing."""
        engine = self._engine
        if engine is None:
            return
        for agent in newcomer.family():
            for head in await engine.journal.runs(agent=agent.id, statuses=frozenset({RunStatus.SUSPENDED})):
                await engine.resume(head.run)

    async def start(
        self,
        engine: EmbeddedEngine,
        spec: RunSpec,
        run: str,
        signal: AbortSignal | None = None,
        output: OutputType | None = None,
    ) -> RunHandle:
        """Start a run, which the signal cancels when it is raised while it goes on."""
        cursor = await engine.start(spec, run=run)
        if signal is not None and signal.is_aborted():
            await engine.cancel(run, signal.reason or "")
        elif signal is not None:
            self._obey(engine, signal, run)
        return RunHandle(engine, self, cursor, spec, output)

    async def forsake(self, run: str) -> None:
        """Cancel a run whose caller was cancelled, if it was recorded at all."""
        with suppress(NotFound, StorageError):
            if self._engine:
                await self._engine.cancel(run, "the caller was cancelled")

    async def attach(self, engine: EmbeddedEngine, run: str, output: OutputType | None = None) -> RunHandle:
        """The handle of a run that is there already.

        Raises:
            NotFound: it is not.
        """
        cursor = await engine.events(run)
        return RunHandle(engine, self, cursor, await spec_of(engine.journal, run), output)

    def _obey(self, engine: EmbeddedEngine, signal: AbortSignal, run: str) -> None:
        watch = asyncio.create_task(_cancel_on(signal, engine, run), name=f"abort signal of {run}")
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def leave(self, resident: Resident, agent: str | None = None) -> None:
        """Let a resident go.

        With the last one the store is closed, and what is unfinished goes on when it is opened again. While others
        stay, the runs of the `agent` that it is are cancelled; those of a scheduler go on.
        """
        async with self._door:
            if resident not in self._residents:
                return
            self._residents.remove(resident)
            if self._engine is None:
                return
            if self._residents:
                await self._cancel_runs(self._engine, agent)
                await self.traces.settle()
                return
            for watch in self._watches:
                watch.cancel()
            engine, self._engine = self._engine, None
            await engine.close()
            for reader in self.readers:
                reader.close()
            await self._approvers.close()
            await self.observers.close()
            await self.traces.close()
            await give_back(self._export)
            await engine.journal.close()

    async def _cancel_runs(self, engine: EmbeddedEngine, agent: str | None) -> None:
        heads = await engine.journal.runs(agent=agent, statuses=_UNFINISHED) if agent else ()
        for head in heads:
            if (await spec_of(engine.journal, head.run)).state is not None:
                continue
            try:
                await engine.cancel(head.run, "the agent was closed")
                await engine.result(head.run, LINGER)
            except (AgiwoError, TimeoutError):
                continue  # it is not ours, or ends when it can


async def spec_of(journal: Journal, run: str) -> RunSpec:
    """What a run that is there was asked to do."""
    records = await journal.load(run)
    return next(RunSpec.from_json(record.data["spec"]) for record in records if record.key == SPEC)


async def _cancel_on(signal: AbortSignal, engine: EmbeddedEngine, run: str) -> None:
    raised, over = asyncio.create_task(signal.wait()), asyncio.create_task(engine.result(run))
    try:
        await asyncio.wait({raised, over}, return_when=asyncio.FIRST_COMPLETED)
        if not over.done():
            await engine.cancel(run, signal.reason or "")
    finally:
        raised.cancel()
        over.cancel()
        await asyncio.gather(raised, over, return_exceptions=True)


_homes: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Home]] = WeakKeyDictionary()


def home_for(storage: RunStepStorageConfig, clock: Clock | None = None) -> Home:
    """The home over this store: the one that all agents on this event loop share who name it, in memory a new one.

    Raises:
        ConfigError: it has another clock than this one already.
    """
    if storage.place is None:
        return Home(storage, clock)
    homes = _homes.setdefault(asyncio.get_running_loop(), {})
    home = homes.setdefault(storage.place, Home(storage, clock))
    if clock not in (None, home.clock):
        raise ConfigError(f"{storage.place} is open in this process, with another clock")
    return home
