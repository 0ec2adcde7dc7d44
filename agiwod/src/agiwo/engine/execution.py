"""One run while this process drives it: what is recorded of it, what it is doing, how it is stopped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from agiwo.clock import Clock
from agiwo.durable import CancelScope, RunView
from agiwo.engine.blobs import is_long, shortened, spilled
from agiwo.engine.ending import Ends
from agiwo.engine.feed import Feed
from agiwo.engine.interruption import SHUTDOWN, Interruptions
from agiwo.engine.mailbox import Mailbox
from agiwo.engine.operation import Operation, replayed
from agiwo.engine.redact import Redactor
from agiwo.engine.slot import Slot
from agiwo.engine.stopwatch import WAIT_OUTCOME, Stopwatch, active_seconds
from agiwo.engine.storage import Writes
from agiwo.engine.tasks import FAREWELL
from agiwo.engine.waitset import Waitset
from agiwo.errors import Conflict, Interrupted, ReplayMismatch
from agiwo.schema.event import RUN_RESUMED, RUN_RETRYING, RUN_WOKEN, NewEvent
from agiwo.schema.record import BESIDE, Batch, Change, Entry, Json, Record, RunHead
from agiwo.schema.run import RunSpec, RunStatus

GRACE = 0.1
"""Seconds that a cancelled effect has to clean up; after that it is abandoned and its result dropped."""

_LAST_WORDS = 5.0, 60.0
"""Seconds that a run has at least and at most to sum up after its time was over; else as long as it had to work."""

Slots = Callable[[RunSpec], asyncio.Semaphore]
"""Gives the pool that a run takes its slot from."""

_AT_WORK = frozenset({RunStatus.RUNNING, RunStatus.WAITING, RunStatus.SLEEPING})
"""What a run is not any more once it is interrupted."""

log = logging.getLogger(__name__)


class Working(Protocol):
    """A run that may be at work, as one that waits for it sees it."""

    @property
    def stopwatch(self) -> Stopwatch:
        """Counts while it works."""
        ...


class Host(Protocol):
    """Who drives runs, as one of them needs it."""

    @property
    def ends(self) -> Ends:
        """How the latest runs ended."""
        ...

    async def time_out(self, execution: "Execution") -> None:
        """Stop a run whose time is over."""
        ...

    def below(self, run: str, ids: Sequence[str]) -> list[str]:
        """Those of these runs that stand right below the run."""
        ...

    def awake(self, which: Callable[[], Sequence[str]]) -> "AbstractAsyncContextManager[Sequence[Working]]":
        """These runs, unless they have ended; none of them is parked before the end of the block."""
        ...

    def fell_asleep(self, execution: "Execution") -> None:
        """The run sleeps."""
        ...

    def woke_up(self, execution: "Execution") -> None:
        """The run sleeps no more."""
        ...


class Execution:
    """A run and everything that this process knows of it while it is not over."""

    def __init__(
        self,
        head: RunHead,
        spec: RunSpec,
        records: Sequence[Record],
        feed: Feed,
        storage: Writes,
        clock: Clock,
        slots: Slots,
        redactor: Redactor,
        host: Host,
    ) -> None:
        self.host = host
        self.id, self.spec, self.feed = head.run, spec, feed
        self.status, self.wake = head.status, head.wake
        self.session = head.session
        self.view = RunView(self.id, spec)
        self.storage, self.clock, self.redactor = storage, clock, redactor
        self.keyed: dict[str, Record] = {}
        self.mail = Mailbox()
        self.operations: dict[str, Operation] = {}
        self.interruptions = Interruptions()
        self.attempt = 1
        self.ending = False
        self.is_looping = False
        self.is_rebuilt = False
        self.is_new = False
        self.task: asyncio.Task[None] | None = None
        self.wish: asyncio.Task[None] | None = None
        self._emits: dict[str, NewEvent] = {}
        self.leftover: set[asyncio.Task[Any]] = set()
        for record in records:
            self._recall(record)
        if self.interruptions.is_summing_up:
            self.stopwatch = Stopwatch(clock, last_words(spec), self._on_timeout)
        else:
            self.stopwatch = Stopwatch(clock, spec.timeout, self._on_timeout, active_seconds(records))
        self.slot = Slot(lambda: slots(spec), self.stopwatch)

    # What is recorded

    def _recall(self, record: Record) -> None:
        """Take up one record, old or new, in its order."""
        if record.key:
            self.keyed[record.key] = record
            self.mail.recall(record)  # which is about messages and operations: each has a key, as interruptions have
            self.interruptions.recall(record)
        elif record.type in (RUN_RESUMED, RUN_RETRYING):
            self.attempt += 1

    async def commit(
        self,
        *entries: Entry,
        status: RunStatus | None = None,
        extra: Sequence[Change] = (),
        wake: Json | None = None,
    ) -> None:
        """Append entries to this run, after what was emitted; wait as long as the store refuses.

        With a status, `wake` is what the run waits for in it.
        """
        if self.wish and not self.wish.done():
            await asyncio.wait({self.wish})  # what follows an interruption stands behind it in the journal, too
        if self.interruptions.is_urgent and status in _AT_WORK:
            status, wake = RunStatus.CANCELLING, None
        elif self.interruptions.is_shutdown and wake:
            status, wake = RunStatus.RUNNING, None
        emitted, self._emits = self._emits, {}
        at = self.clock.now()
        ahead = [Entry(event.type, event.data, at, key, True, event.item) for key, event in emitted.items()]
        ready = [await self.spilled(each) if is_long(each.type, each.data) else each for each in (*ahead, *entries)]
        try:
            records = await self.storage.append(Batch(self.id, tuple(ready), status, wake=wake), *extra)
        except Conflict:
            self._emits = {**emitted, **self._emits}
            raise
        if status:
            self.status, self.wake = status, wake
        for record in records:
            if record.run == self.id:
                self._recall(record)
                if record.type == RUN_WOKEN:
                    self.stopwatch.restart()

    async def spilled(self, entry: Entry) -> Entry:
        """The entry without secrets, its over-long texts stored apart."""
        data = await spilled(self.storage, entry.data, self.redactor)
        return Entry(entry.type, data, entry.at, entry.key, entry.public, entry.item)

    async def shortened(self, event: NewEvent) -> NewEvent:
        """The event with its secrets replaced, and its over-long texts, if it has any, stored apart."""
        return await shortened(self.storage, event, self.redactor)

    def entry(self, event: NewEvent, key: str | None = None) -> Entry:
        """A durable event of this run, with its secrets replaced and the time of now."""
        return Entry(event.type, self.redactor.data(event.data), self.clock.now(), key, True, event.item)

    def emit(self, key: str, event: NewEvent) -> None:
        """Commit `event` together with what is committed next; a replay does not repeat it."""
        if key not in self.keyed:
            self._emits[key] = NewEvent(event.type, self.redactor.data(event.data), event.item)

    def is_emitting(self, type: str) -> bool:
        """Whether an event of this type waits for the next commit."""
        return any(event.type == type for event in self._emits.values())

    # Operations

    async def operate(self, key: str, digest: str, body: Callable[[Operation], Awaitable[None]]) -> Any:
        """Give what is recorded under `key`, or have `body` do and record it.

        `body` sets the operation's future, and writes its record only if it could settle the operation.
        """
        if record := self.keyed.get(key):
            if record.data.get("digest", digest) != digest:
                raise ReplayMismatch(self.id, key)
            return replayed(record)
        if key in self.operations:
            raise ReplayMismatch(self.id, key)
        stop = self.interruptions.latest
        if stop and self.interruptions.is_cancelled:
            raise Interrupted(stop.cause, stop.reason, stop.at)
        operation = Operation(key, digest, asyncio.get_running_loop().create_future())
        self.operations[key] = operation
        try:
            if self.interruptions.is_urgent and self.interruptions.is_undelivered and operation.settle():
                await self.commit(self._interrupted(operation))
                return replayed(self.keyed[key])
            operation.task = asyncio.create_task(self._perform(operation, body), name=f"{self.id} {key}")
            return await operation.done
        finally:
            del self.operations[key]
            if operation.task and not operation.task.done():
                operation.settle()  # nobody waits for it any more, so it has nothing to record
                self._abandon(operation.task)

    async def _perform(self, operation: Operation, body: Callable[[Operation], Awaitable[None]]) -> None:
        try:
            await self.show_company()
            await body(operation)
        except Exception as error:
            if not operation.done.done():
                operation.done.set_exception(error)
            else:
                log.debug("%s: %s ended late: %r", self.id, operation.key, error)

    async def show_company(self) -> None:
        """Show in the index that the run does other things while it sleeps: then it must not be parked from there."""
        if self.wake and len(self.operations) > 1 and BESIDE not in self.wake:
            await self.commit(status=self.status, wake={**self.wake, BESIDE: True})

    async def record(self, operation: Operation, type: str, data: Mapping[str, Any], *entries: Entry) -> None:
        """Write an operation's record and let it return; does nothing when an interruption was first."""
        if not operation.settle():
            return
        whole = {"digest": operation.digest, **data}
        if operation.drained:
            whole["drained"] = operation.drained
        if operation.closed:
            whole["closed"] = operation.closed
        if operation.reopened:
            whole["reopened"] = operation.reopened
        is_woken = type == WAIT_OUTCOME and self.slot.end_wait(operation)
        own = Entry(type, whole, self.clock.now(), operation.key, public=False)
        await self.commit(*entries, own, status=RunStatus.RUNNING if is_woken else None)
        self.conclude(operation)

    def conclude(self, operation: Operation) -> None:
        """Let an operation return what is recorded under its key."""
        if operation.done.done():
            return
        try:
            operation.done.set_result(replayed(self.keyed[operation.key]))
        except Exception as error:
            operation.done.set_exception(error)

    def _abandon(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        self.leftover.add(task)
        task.add_done_callback(self.leftover.discard)

    # Stopping

    def _on_timeout(self) -> None:
        stop = asyncio.create_task(self.host.time_out(self), name=f"{self.id} timeout")
        self.leftover.add(stop)
        stop.add_done_callback(self.leftover.discard)

    @property
    def over_time(self) -> str:
        """Why a run stops whose time is over."""
        limit = last_words(self.spec) if self.interruptions.is_summing_up else self.spec.timeout
        return f"the run took longer than {limit:g} seconds"

    def interrupt(self, cause: str, reason: str, scope: CancelScope = "run") -> tuple[list[Entry], list[Operation]]:
        """What to append to interrupt this run, and the operations that it ends: at a shutdown those that rest.

        The operations are settled from now on: append the entries, then `stop` them.
        """
        wish = self.begin_interruption(cause, reason, scope)
        entries, settled = self.settle(
            each for each in self.operations.values() if each.is_resting or cause != SHUTDOWN
        )
        return [wish, *entries], settled

    def begin_interruption(self, cause: str, reason: str, scope: CancelScope = "run") -> Entry:
        """Interrupt the run from now on; gives what to append for it."""
        if self.ending:
            raise Conflict(f"run {self.id} has ended")
        return self.interruptions.begin(cause, reason, scope, self.clock.now())

    def settle(self, operations: Iterable[Operation]) -> tuple[list[Entry], list[Operation]]:
        """What to append for the operations that the latest interruption ends, and which of them it does end."""
        settled = [operation for operation in operations if operation.settle()]
        for operation in settled:
            self.mail.put_back(operation)
        return list(map(self._interrupted, settled)), settled

    async def rest(self, operation: Operation) -> bool:
        """Let an operation rest, for a while or long; False when the run is to rest no more, and then it is over."""
        operation.is_resting = True
        if not self.interruptions.is_shutdown:
            return True
        if operation.settle():
            await self.commit(self._interrupted(operation))
            self.sum_up()
            self.conclude(operation)
        return False

    def sum_up(self) -> None:
        """Give the run the time of its last word, and no more."""
        self.stopwatch.allow(last_words(self.spec))

    def _interrupted(self, operation: Operation) -> Entry:
        items = [self.feed.items[id].snapshot() for id in operation.items if id in self.feed.items]
        return self.interruptions.ends(operation, self.redactor.data(items))

    def recall(self, records: Sequence[Record]) -> None:
        """Take up records of this run that were appended for it by others."""
        for record in records:
            if not record.key or record.key not in self.keyed:
                self._recall(record)

    async def stop(self, settled: Sequence[Operation]) -> None:
        """Cancel what the interrupted operations do, give it `GRACE` seconds, and let the loop know."""
        tasks = [operation.task for operation in settled if operation.task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)
        for operation in settled:
            self.conclude(operation)

    def lone_sleep(self) -> Waitset | None:
        """What the run sleeps on, when it does nothing else, and nothing is about to reach it."""
        if len(self.operations) != 1 or self.ending or self.interruptions.latest:
            return None
        if self._emits or self.mail.arriving or self.leftover or self.stopwatch.is_linked:
            return None
        (operation,) = self.operations.values()
        is_over = operation.settled or operation.sleep is None or operation.sleep.is_over
        return None if is_over else operation.sleep

    def put_away(self) -> list[asyncio.Task[Any]]:
        """Record nothing any more, and let go of everything; gives the tasks that end with that."""
        tasks = [task for task in (self.task, *(each.task for each in self.operations.values())) if task]
        self.stopwatch.retire()
        self.task = None  # what is cancelled keeps its frames, and they would keep what has the task
        for operation in self.operations.values():
            operation.settle()
            operation.task = None
            if operation.sleep:
                operation.sleep.close()
        for task in tasks:
            task.cancel()
        return tasks

    async def close(self) -> None:
        """Leave the run as it is recorded: it goes on in a later process, and what still comes out here is dropped."""
        self.stopwatch.hold()
        tasks = [task for task in (self.task, *(o.task for o in self.operations.values()), *self.leftover) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=FAREWELL)


def last_words(spec: RunSpec) -> float:
    """The seconds that a run has to sum up; then it ends without a summary."""
    least, most = _LAST_WORDS
    return most if spec.timeout is None else min(most, max(least, spec.timeout))
