"""The daemon as an object: what it is made of, how it stands, how it ends. Knows no wire, no file and no signal."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agiwo.agent.approvers import Approvers
from agiwo.agent.observers import Observers
from agiwo.clock import Clock, SystemClock
from agiwo.engine.redact import Redactor
from agiwo.engine.rerun import Reruns
from agiwo.errors import AgiwoError, StorageError
from agiwo.failpoint import reach
from agiwo.journal.care import Store
from agiwo.mcp import McpServers
from agiwo.observability.otlp import OtlpExport
from agiwo.scheduler.config import SchedulerConfig
from agiwo.scheduler.supervisor import Supervisor
from agiwo.schema.record import RunHead
from agiwo.schema.run import TERMINAL, RunStatus
from agiwo.skill.manager import SkillManager
from agiwo.tool.sandbox import Sandbox

from agiwod.runtime.activity import Activity
from agiwod.runtime.agents import Agents
from agiwod.runtime.approvals import Approvals
from agiwod.runtime.clients import Clients
from agiwod.runtime.config_state import ConfigState, Setting
from agiwod.runtime.console import Console
from agiwod.runtime.cron import CRON
from agiwod.runtime.crons import Crons
from agiwod.runtime.definitions import Definitions
from agiwod.runtime.engines import MakeEngine, Surroundings, embedded
from agiwod.runtime.errors import Draining, TooMuch
from agiwod.runtime.events import Events
from agiwod.runtime.exchange import Exchange
from agiwod.runtime.exposure import Exposure
from agiwod.runtime.foreign import Foreign, LeftOut
from agiwod.runtime.hosts import Hosts
from agiwod.runtime.identity import Identity
from agiwod.runtime.metrics import Metrics
from agiwod.runtime.milestones import Milestones
from agiwod.runtime.models import NO_MODELS, Models
from agiwod.runtime.programs import DaemonPrograms
from agiwod.runtime.projects import Finder, Projects
from agiwod.runtime.replays import Replays
from agiwod.runtime.runs import Runs
from agiwod.runtime.scheduled import Scheduled
from agiwod.runtime.sessions import Sessions
from agiwod.runtime.skills import Skills
from agiwod.runtime.tool_calls import ToolCalls
from agiwod.runtime.traces import Traces
from agiwod.runtime.traffic import Bounds, Traffic

_UNFINISHED = frozenset(RunStatus) - TERMINAL
_RESTING = frozenset({RunStatus.QUEUED, RunStatus.SLEEPING, RunStatus.SUSPENDED})
_AT_WORK = frozenset({RunStatus.RUNNING, RunStatus.CANCELLING})
_PAGE = 1000

_FAREWELL = 2.0
"""Seconds that clients have to take the last events before the daemon ends."""

log = logging.getLogger(__name__)


class State(StrEnum):
    """Where the daemon stands. `degraded` is ready as far as it goes: the store refuses writes."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    DRAINING = "draining"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change while the daemon runs, for those who ask how it is."""

    version: str = ""
    storage: str = "memory"
    durability: str | None = None
    drain_seconds: float = 30.0
    data_dir: str | None = None
    socket: str | None = None
    tcp: str | None = None
    http: str | None = None
    token_file: str | None = None


class Daemon:
    """Everything that clients can ask for, in one place. Owns the journal and the agents that it is given."""

    def __init__(
        self,
        journal: Store,
        agents: Agents,
        *,
        models: Models = NO_MODELS,
        skills: SkillManager | None = None,
        foreign: McpServers | None = None,
        left_out: Sequence[LeftOut] = (),
        facts: Facts | None = None,
        secrets: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        identity: Identity | None = None,
        engine: MakeEngine = embedded,
        scheduling: SchedulerConfig | None = None,
        export: OtlpExport | None = None,
        resends: bool = True,
        exposure: Exposure | None = None,
        finder: Finder | None = None,
        bounds: Bounds | None = None,
        sandbox: Sandbox | None = None,
    ) -> None:
        self.facts = facts or Facts()
        self.clock = clock or SystemClock()
        self.identity = identity or Identity(started_at=self.clock.now())
        self.id, self.pid, self.started_at = self.identity.id, self.identity.pid, self.identity.started_at
        self.journal, self.agents, self.models = journal, agents, models
        self.events, self.bus = Events(self.clock.now), Exchange()
        self.foreign = Foreign(foreign or McpServers(), self.events, left_out)
        self.projects = Projects(finder, self.events, agents, self.foreign, self._retire_soon, self.learn)
        self._programs = programs = DaemonPrograms(
            agents, lambda spec: self.supervisor.program(spec), self.projects.find
        )
        self.engine = engine(
            Surroundings(
                journal,
                Reruns(programs, journal),
                clock=self.clock,
                secrets=secrets or {},
                on_storage=self._on_storage,
                on_run=self._on_run,
                on_other=self._on_other,
                bus=self.bus,
            )
        )
        self.supervisor = Supervisor(
            self.engine, lambda id: agents.get(id).agent, scheduling, clock=self.clock, asks=True
        )
        self.engine.pool_of = self.supervisor.pool_of
        self.export, self.traces = export, Traces(journal, agents.keeping, export, resends=resends)
        self._milestones = Milestones(self.engine, self.events)
        self._observers = Observers(programs, agents.observes)
        self._approvers = Approvers(programs, agents.can_ask)
        self.approvals = Approvals(self.engine, self.events)
        self.hosts = Hosts(self.engine, self.clock)
        self.sessions = Sessions(journal, self.engine, agents, self.clock)
        self.skills = Skills(skills or SkillManager(), self.events)
        self.runs = Runs(self.engine, agents, self.check_open, self.skills.ready)
        self.scheduled = Scheduled(journal, agents, self.supervisor, self.check_open, self.skills.ready)
        self.crons = Crons(self.engine, agents, self.clock, self.events, self.scheduled.begin)
        programs.own[CRON] = self.crons.program
        self.replays = Replays(self.engine, agents, self.check_open)
        self.definitions = Definitions(agents)
        workspace = None if self.facts.data_dir is None else Path(self.facts.data_dir) / "workspace"
        self.tool_calls = ToolCalls(Redactor(secrets or {}), self.clock, workspace, sandbox)
        self.clients, self.traffic = Clients(self.events), Traffic(bounds)
        self.activity = Activity(self.engine)
        self.metrics = Metrics(journal, self.clients, self.count_runs, export)
        self.engine.storage.on_commit = self.metrics.committed
        self.config = ConfigState(self.started_at)
        self.tell_settings: Callable[[], Sequence[Setting]] = tuple[Setting, ...]
        self.console = Console(self.clock.now)
        self.exposure = exposure or Exposure()
        self.ended = asyncio.Event()
        self._phase = State.STARTING
        self._deadline = 0.0
        self._farewells: set[Callable[[], Awaitable[object]]] = set()
        self._drain_listeners: set[Callable[[float], None]] = set()
        self._stop_listeners: set[Callable[[float], None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> State:
        """Where the daemon stands."""
        is_troubled = self._phase == State.READY and self.engine.storage.trouble is not None
        return State.DEGRADED if is_troubled else self._phase

    async def start(self) -> list[str]:
        """Go on with the runs that the last process left unfinished, and be ready; return their ids."""
        self.skills.start()
        self.foreign.start()
        if await self.journal.runs(statuses=_UNFINISHED, limit=1):
            await self.skills.ready()  # they may start runs of other agents at once
        resumed = await self.engine.recover()
        self._phase = State.READY
        log.info("ready; %d unfinished runs go on", len(resumed))
        return resumed

    def adopt(self, agents: Agents, models: Models, secrets: Mapping[str, str]) -> None:
        """Let new runs be of these agents and models. A run that is under way keeps its own to its end."""
        known = {each.agent.id for each in self.agents.list()}
        replaced = self.agents.replace(agents)
        self.models = models
        self.learn(secrets)
        present = {each.agent.id for each in self.agents.list()}
        new = present - known
        self.events.publish("agent", "agent/changed", {"added": sorted(new), "removed": sorted(known - present)})
        self.projects.forget()
        self._retire_soon(replaced, new)

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Let none of these be told to anybody."""
        self.engine.learn_secrets(secrets)
        self.tool_calls.redactor.learn(secrets)

    def _retire_soon(self, replaced: Agents, new: set[str]) -> None:
        task = asyncio.create_task(self._retire(replaced, new), name="retire-agents")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _retire(self, replaced: Agents, new: set[str]) -> None:
        """Close agents after the last run that may be at work with them, and wake those that new ones were missing to.

        A run that rests is not waited for: it may do so for ever, and what closes an agent ends only what it is doing.
        """
        try:
            heads = [head for head in await self._unfinished() if head.agent not in self._programs.own]
            for head in heads:
                if head.status == RunStatus.SUSPENDED and head.agent in new:
                    await self.engine.resume(head.run)
            for head in heads:
                if head.status not in _RESTING:
                    await self.engine.result(head.run)
        except AgiwoError:
            if self._phase != State.STOPPED:  # when the daemon ends, nobody uses them any more
                log.exception("it cannot be told when the replaced agents are free; they are closed now")
        finally:
            await replaced.close()

    def check_open(self) -> None:
        """Return when a new run may start.

        Raises:
            Draining: the daemon is about to end.
            TooMuch: there are too many that are not over.
        """
        if self._phase in (State.DRAINING, State.STOPPED):
            raise Draining(self._deadline)
        if self.engine.going >= self.traffic.bounds.runs:
            raise TooMuch("runs", self.traffic.bounds.runs, "wait until some end, or cancel some", seconds=1)

    async def count_runs(self) -> Counter[RunStatus]:
        """How many unfinished runs stand where; none, when the store cannot even be read, which is trouble then."""
        try:
            counts = Counter(head.status for head in await self._unfinished())
        except StorageError as error:
            self.engine.storage.refused(error)
            return Counter()
        return Counter({RunStatus.SUSPENDED: counts.total()}) if self.engine.storage.trouble else counts

    async def _unfinished(self) -> list[RunHead]:
        found: list[RunHead] = []
        while heads := await self.journal.runs(
            statuses=_UNFINISHED, before=found[-1].run if found else None, limit=_PAGE
        ):
            found += heads
        return found

    def on_end(self, farewell: Callable[[], Awaitable[object]]) -> Callable[[], None]:
        """Have `farewell` waited for, not for long, when all runs have ended; call the result to stop."""
        self._farewells.add(farewell)
        return lambda: self._farewells.discard(farewell)

    def on_drain(self, listener: Callable[[float], None]) -> Callable[[], None]:
        """Tell `listener` the deadline once the daemon drains; call the result to stop."""
        self._drain_listeners.add(listener)
        return lambda: self._drain_listeners.discard(listener)

    def on_stop(self, listener: Callable[[float], None]) -> Callable[[], None]:
        """Tell `listener` the deadline once the daemon is to end; call the result to stop."""
        self._stop_listeners.add(listener)
        return lambda: self._stop_listeners.discard(listener)

    def drain(self, seconds: float | None = None) -> float:
        """Take no new runs; return when, at most, the present ones are waited for. A second call may shorten that."""
        deadline = self.clock.now() + (self.facts.drain_seconds if seconds is None else seconds)
        if self._phase == State.DRAINING and self._deadline <= deadline:
            return self._deadline
        self._phase, self._deadline = State.DRAINING, deadline
        remaining = max(0.0, deadline - self.clock.now())
        reach("drain/begun")
        log.info("draining for %.1f seconds at most", remaining)
        self.events.publish("daemon", "daemon/draining", {"state": str(self.state), "seconds": round(remaining, 3)})
        for listener in list(self._drain_listeners):
            listener(deadline)
        return deadline

    def stop(self, seconds: float | None = None) -> float:
        """Drain, then end: `ended` is set once no run is at work, or at the deadline, which is returned."""
        deadline = self.drain(seconds)
        for listener in list(self._stop_listeners):
            listener(deadline)
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.create_task(self._end(deadline), name="daemon-end")
        return deadline

    async def _end(self, deadline: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, deadline - self.clock.now())):
                await self._idle()
                reach("drain/idle")
                await self._say_farewell()
        except TimeoutError:
            log.warning("some runs are still at work; they go on at the next start")
        self.ended.set()

    async def _say_farewell(self) -> None:
        """Let those who follow the runs have the ends of them."""
        farewells = [asyncio.ensure_future(farewell()) for farewell in self._farewells]
        if farewells:
            await asyncio.wait(farewells, timeout=_FAREWELL)
        for farewell in farewells:
            farewell.cancel()

    async def _idle(self) -> None:
        """Return once no run is at work. Those that sleep or wait for somebody are not."""
        moved = asyncio.Event()
        while heads := await self.journal.runs(statuses=_AT_WORK, limit=_PAGE):
            unwatch = [self.journal.watch(head.run, lambda _: moved.set()) for head in heads]
            try:
                # Looked at again after watching: a run may have ended in between.
                if len(await self.journal.runs(statuses=_AT_WORK, limit=_PAGE)) == len(heads):
                    await moved.wait()
            finally:
                for stop in unwatch:
                    stop()
            moved.clear()

    async def close(self) -> None:
        """Let go of everything. Unfinished runs stay as they are recorded, and go on at the next start."""
        self._phase = State.STOPPED
        if self._ending is not None:
            self._ending.cancel()
            await asyncio.gather(self._ending, return_exceptions=True)
        self.ended.set()
        retiring = list(self._retiring)
        await self.engine.close()
        reach("close/engine")
        await self.foreign.close()
        await self.skills.close()
        await self.projects.close()
        await self._approvers.close()
        await self._observers.close()
        await self.traces.close()
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        await self.agents.close()
        await self.journal.close()

    def _on_run(self, head: RunHead) -> None:
        self.traces.follow(head)
        self.metrics.follow(head)
        self.activity.follow(head)
        self._milestones.follow(head)
        self._observers.follow(self.engine, head)
        self._approvers.follow(self.engine, head)
        self.approvals.follow(head)
        self.hosts.follow(head)

    def _on_other(self, head: RunHead) -> None:
        """Another daemon has taken on a run, and counts and traces it: here one can hear of it and answer it."""
        self._milestones.follow(head)
        self.approvals.follow(head, is_begun=True)

    def _on_storage(self, trouble: str | None) -> None:
        if trouble is None:
            log.warning("the store takes writes again")
            self.events.publish("daemon", "daemon/recovered", {"state": str(self.state)})
        else:
            log.error("the store refuses writes: %s", trouble)
            self.events.publish("daemon", "daemon/degraded", {"state": str(self.state), "error": trouble})
