"""The engine of many machines: runs are workflows of a Temporal server, driven by any process of their task queue."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from agiwo import ids
from agiwo.clock import Clock, SystemClock
from agiwo.durable import CancelScope, Programs, RunView
from agiwo.engine.births import Births
from agiwo.engine.branching import Branching
from agiwo.engine.bus import DeltaBus
from agiwo.engine.cursor import Cursor
from agiwo.engine.ending import Ending, Ends
from agiwo.engine.feed import OpenItem
from agiwo.engine.feeds import Feeds
from agiwo.engine.interruption import CANCEL, SHUTDOWN
from agiwo.engine.local_bus import LocalBus
from agiwo.engine.pasts import BASE, Pasts, point_of
from agiwo.engine.redact import Redactor
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import Tasks
from agiwo.engine.temporal.coding import encode
from agiwo.engine.temporal.effects import Effects
from agiwo.engine.temporal.keeping import JournalPayloads
from agiwo.engine.temporal.lane import SessionLane
from agiwo.engine.temporal.names import ANSWER, SESSION, lane_of, workflow_of
from agiwo.engine.temporal.place import TemporalPlace, translated
from agiwo.engine.temporal.records import Records
from agiwo.engine.temporal.roll import Roll
from agiwo.engine.temporal.run import AgentRun
from agiwo.engine.temporal.states import StatesOfRuns
from agiwo.engine.temporal.worlds import World, enter, leave
from agiwo.errors import Conflict, CursorExpired, NotFound, StorageError
from agiwo.journal.base import Journal
from agiwo.schema.event import LOG, NewEvent
from agiwo.schema.past import Past
from agiwo.schema.record import Record, RunHead, StateChange
from agiwo.schema.run import TERMINAL, RunResult, RunSpec, RunStatus

_UNFINISHED = frozenset(RunStatus) - TERMINAL

_STICKY = timedelta(seconds=2)
"""How long a worker that has a workflow in memory is waited for, before another one takes it up."""

_STARTING = 10.0
"""Seconds that a recorded run may take to have its workflow."""

_PAGE = 500

log = logging.getLogger(__name__)


@runtime_checkable
class _TellsOfRuns(Protocol):
    """A journal that tells of the runs that others make, as a shared one does."""

    def watch_all(self, listener: Callable[[RunHead], None]) -> Callable[[], None]: ...


class TemporalEngine:
    """Runs programs as workflows. What it acknowledged is in the journal, which all processes of the queue share.

    The parameters are otherwise as in `EmbeddedEngine`; `max_concurrent` bounds the steps at work in this process. It
    is connected by `recover`, and takes nothing before. What its steps stream, and readers here see, goes over `bus`;
    without one, within this process. `on_other` is called with each run that another process takes on, if the journal
    tells of them.
    """

    def __init__(
        self,
        place: TemporalPlace,
        journal: Journal,
        programs: Programs,
        *,
        clock: Clock | None = None,
        secrets: Mapping[str, str] | None = None,
        max_concurrent: int = 100,
        on_storage: Callable[[str | None], None] = lambda trouble: None,
        on_run: Callable[[RunHead], None] = lambda head: None,
        pool_of: Callable[[RunSpec], asyncio.Semaphore | None] = lambda spec: None,
        bus: DeltaBus | None = None,
        on_other: Callable[[RunHead], None] = lambda head: None,
    ) -> None:
        self.journal, self.pool_of = journal, pool_of
        self.storage = Storage(journal, on_storage)
        self.place, self._programs = place, programs
        self._clock, self._redactor = clock or SystemClock(), Redactor(secrets)
        self._tasks = Tasks()
        self._states = StatesOfRuns(journal, self._tasks)
        self._roll = Roll(self._states.and_tell(on_run), self._states.and_tell(on_other))
        self._unwatch: Callable[[], None] = lambda: None
        self._max_concurrent = max_concurrent
        self._bus = bus or LocalBus()
        self._feeds, self._pasts, self._ends = Feeds(journal, self._bus), Pasts(journal), Ends()
        self._births = Births(journal, programs, self._clock, self._redactor)
        self.branching = Branching(journal, self, self._clock)
        self._endings: set[Ending] = set()
        self._connected: Client | None = None
        self._worker: Worker | None = None
        self._working: asyncio.Task[None] | None = None

    @property
    def going(self) -> int:
        """None are this process's: runs wait and work where Temporal has them."""
        return 0

    @property
    def _client(self) -> Client:
        if self._connected is None:
            raise StorageError(f"not connected with Temporal's server at {self.place.address} yet")
        return self._connected

    def workflow(self, run: str) -> Any:
        """The `WorkflowHandle` of a run."""
        return self._client.get_workflow_handle(workflow_of(self.place.queue, run))

    # Asking for runs

    async def submit(self, spec: RunSpec, *, run: str | None = None) -> str:
        """As `EmbeddedEngine.submit`."""
        return (await self.start(spec, run=run)).run

    async def start(
        self, spec: RunSpec, *, run: str | None = None, changes: Sequence[StateChange] = (), is_new: bool = False
    ) -> Cursor:
        """As `EmbeddedEngine.start`."""
        id = run or ids.fresh("run")
        if run and not is_new and await self.journal.run(run):
            return await self.events(run)
        submit = self._tasks.start(self._submit(id, spec, changes), f"{id} submit")
        await asyncio.wait({submit})
        if submit.cancelled():
            raise Conflict("the engine was closed before the run was recorded")
        return submit.result()

    async def _submit(self, id: str, spec: RunSpec, changes: Sequence[StateChange]) -> Cursor:
        """First the workflow, which waits for its run to be recorded: so no recorded run is without one."""
        spec = self._births.without_secrets(spec)
        await self._line_up(id, spec.session)
        batch, session = await self._births.new(id, spec)
        self._roll.expect(id)
        self._states.note(id, spec.state)
        try:
            await self.storage.append_now(*session, batch, *changes)
        except Conflict:
            self._roll.withdraw(id)
            if await self.journal.run(id):
                return await self.events(id)
            await self._forget(id)
            raise
        finally:
            self._births.settled(spec)
        assert batch.create
        head = replace(batch.create, head=1)
        cursor = Cursor(await self._feeds.of(head), self.journal, self._clock.now)
        self._roll.take_on(head)
        return cursor

    async def _line_up(self, run: str, session: str) -> None:
        with translated(run):
            await self._client.start_workflow(
                SESSION,
                args=[[]],
                id=lane_of(self.place.queue, session),
                task_queue=self.place.queue,
                start_signal="enter",
                start_signal_args=[run],
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=ANSWER,
            )

    async def _forget(self, run: str) -> None:
        """End a workflow whose run was refused; otherwise it would wait, and its session with it."""
        with suppress(RPCError):
            await self.workflow(run).terminate("its run was refused", rpc_timeout=ANSWER)

    # Talking to runs

    async def send(self, run: str, message: str, topic: str, data: Mapping[str, Any]) -> None:
        """As `EmbeddedEngine.send`."""
        await self.send_first(run, message, topic, data)

    async def send_first(
        self, run: str, message: str, topic: str, data: Mapping[str, Any], event: NewEvent | None = None
    ) -> bool:
        """As `EmbeddedEngine.send_first`."""
        told = event and {"type": event.type, "data": self._redactor.data(event.data), "item": event.item}
        letter = {"id": message, "topic": topic, "data": self._redactor.data(dict(data)), "event": told}
        if not await self._is_going(run):
            raise Conflict(f"run {run} has ended")
        return bool(await self._update(run, "send", [encode(letter)]))

    async def cancel(self, run: str, reason: str = "", scope: CancelScope = "tree") -> bool:
        """As `EmbeddedEngine.cancel`."""
        return await self._interrupt(run, CANCEL, reason or "cancelled", scope)

    async def conclude(self, run: str, reason: str = "", scope: CancelScope = "run") -> bool:
        """As `EmbeddedEngine.conclude`."""
        return await self._interrupt(run, SHUTDOWN, reason or "shut down", scope)

    async def _interrupt(self, run: str, cause: str, reason: str, scope: CancelScope) -> bool:
        if not await self._is_going(run):
            return False
        try:
            return bool(await self._update(run, "interrupt", [cause, reason, scope]))
        except Conflict:  # it has ended meanwhile
            return False

    async def _is_going(self, run: str) -> bool:
        head = await self.journal.run(run)
        if head is None:
            raise NotFound("run", run)
        return not head.status.is_terminal

    async def _update(self, run: str, name: str, args: Sequence[Any]) -> Any:
        """Ask a run's workflow, and give it the time that it takes to be there.

        Raises:
            Conflict: the run has ended, or refuses.
            StorageError: Temporal's server cannot be asked.
        """
        handle = self.workflow(run)
        with translated(run):
            async with asyncio.timeout(_STARTING):
                while True:
                    try:
                        return await handle.execute_update(name, args=args, rpc_timeout=ANSWER)
                    except RPCError as error:
                        if error.status != RPCStatusCode.NOT_FOUND or not await self._is_going(run):
                            raise
                    await asyncio.sleep(0.05)

    # Looking at runs

    async def result(self, run: str, timeout: float | None = None) -> RunResult:
        """As `EmbeddedEngine.result`."""
        async with asyncio.timeout(timeout):
            ending = Ending(self.journal, self._ends, run)
            self._endings.add(ending)
            try:
                await ending.look()
                return await ending.result()
            finally:
                self._endings.discard(ending)
                ending.close()

    async def events(self, run: str, after: int = 0, on_wake: Callable[[Cursor], None] | None = None) -> Cursor:
        """As `EmbeddedEngine.events`."""
        head = await self.head(run)
        feed = await self._feeds.of(head)
        if after > (newest := max(feed.head, head.head)):
            raise CursorExpired(run, after, newest)
        cursor = Cursor(feed, self.journal, self._clock.now, after, on_wake)
        cursor.finished = head.status.is_terminal and after == newest
        return cursor

    async def head(self, run: str) -> RunHead:
        """As `EmbeddedEngine.head`."""
        head = await self.journal.run(run)
        if head is None:
            raise NotFound("run", run)
        if self.storage.trouble is not None and not head.status.is_terminal:
            return replace(head, status=RunStatus.SUSPENDED)
        return head

    def state_of(self, run: str) -> str | None:
        """The state that a run works for which was heard of here."""
        return self._states.of(run)

    def open_items(self, run: str) -> list[OpenItem]:
        """As `EmbeddedEngine.open_items`."""
        feed = self._feeds.at_hand(run)
        return list(feed.items.values()) if feed else []

    def tell(self, run: str, data: Mapping[str, Any]) -> bool:
        """As `EmbeddedEngine.tell`, for those who read the run here."""
        if feed := self._feeds.at_hand(run):
            feed.notice(LOG, self._redactor.data(dict(data)), self._clock.now())
        return feed is not None

    def recorded(self, run: str) -> tuple[RunView, Mapping[str, Record]] | None:
        """None: which process has the loop of a run is Temporal's to know."""
        return None

    async def past(self, run: str) -> Past:
        """As `EmbeddedEngine.past`."""
        records = await self.journal.load(run)
        return await self._pasts.up_to(point_of(next((each for each in records if each.key == BASE), None)))

    # The life of the engine

    @asynccontextmanager
    async def hold(self, session: str) -> AsyncGenerator[None]:
        """As `Driver.hold`. Another process may begin a run of the session meanwhile: it goes by what was there."""
        if await self.journal.runs(session=session, statuses=_UNFINISHED, limit=1):
            raise Conflict(f"a run of session {session!r} is going or waits to go: wait for it, or cancel it")
        yield

    async def recover(self) -> list[str]:
        """Work on the runs of the queue from now on; gives none, since none is this process's own.

        Raises:
            StorageError: Temporal's server cannot be reached.
        """
        self._connected = await self.place.connected(JournalPayloads(self.journal, self._clock))
        enter(self.place.queue, World(self._programs))
        records = Records(self.storage, self._redactor, self._programs, self._pasts)
        effects = Effects(
            self._client,
            self.storage,
            self._redactor,
            self._programs,
            self._pasts,
            self._bus,
            self._clock,
            lambda spec: self.pool_of(spec),
        )
        self._worker = Worker(
            self._client,
            task_queue=self.place.queue,
            workflows=[AgentRun, SessionLane],
            activities=[*records.activities, *effects.activities],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_activities=self._max_concurrent,
            sticky_queue_schedule_to_start_timeout=_STICKY,
            max_heartbeat_throttle_interval=timedelta(seconds=1),
            default_heartbeat_throttle_interval=timedelta(seconds=1),
        )
        self._working = asyncio.create_task(self._worker.run(), name="temporal worker")
        if isinstance(self.journal, _TellsOfRuns):
            self._unwatch = self.journal.watch_all(self._roll.hear_of)
        for head in await self._unfinished():
            self._roll.take_on(head)
        return []

    async def _unfinished(self) -> list[RunHead]:
        found: list[RunHead] = []
        while heads := await self.journal.runs(
            statuses=_UNFINISHED, before=found[-1].run if found else None, limit=_PAGE
        ):
            found += heads
        return found

    async def resume(self, run: str) -> bool:
        """As `EmbeddedEngine.resume`."""
        head = await self.journal.run(run)
        if head is None or head.status != RunStatus.SUSPENDED:
            return False
        with translated(run):
            await self.workflow(run).signal("resume", rpc_timeout=ANSWER)
        return True

    def learn_secrets(self, secrets: Mapping[str, str]) -> None:
        """As `EmbeddedEngine.learn_secrets`."""
        self._redactor.learn(secrets)

    async def close(self) -> None:
        """Work on nothing any more; the other processes of the queue go on with it."""
        self._unwatch()
        for ending in self._endings:
            ending.give_up()
        self._tasks.cancel()
        await self._tasks.wait()
        if self._worker and self._working:
            await self._worker.shutdown()
            await asyncio.gather(self._working, return_exceptions=True)
            leave(self.place.queue)
        await self.storage.close()
