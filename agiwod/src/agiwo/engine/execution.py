"""One run while this process drives it: what is recorded of it, what it is doing, how it is stopped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agiwo.clock import Clock
from agiwo.durable import INTERRUPTED, CancelScope, RunView
from agiwo.engine.blobs import is_long, spilled
from agiwo.engine.feed import Feed
from agiwo.engine.mailbox import Mailbox
from agiwo.engine.operation import INTERRUPTION, Operation, replayed
from agiwo.engine.redact import Redactor
from agiwo.engine.slot import Slot
from agiwo.engine.stopwatch import WAIT_OUTCOME, Stopwatch, active_seconds
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import FAREWELL
from agiwo.errors import Conflict, Interrupted, ReplayMismatch
from agiwo.schema.event import RUN_RESUMED, RUN_RETRYING, RUN_WOKEN, NewEvent
from agiwo.schema.record import Batch, Change, Entry, Json, Record, RunHead
from agiwo.schema.run import RunSpec, RunStatus

GRACE = 0.1
"""Seconds that a cancelled effect has to clean up; after that it is abandoned and its result dropped."""

LAST_WORDS = 60.0
"""Seconds that a run has to sum up after its time was over; then it ends without a summary."""

Slots = Callable[[RunSpec], asyncio.Semaphore]
"""Gives the pool that a run takes its slot from."""

_AT_WORK = frozenset({RunStatus.RUNNING, RunStatus.WAITING, RunStatus.SLEEPING})
"""What a run is not any more once it is interrupted."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Interruption:
    """A recorded wish that a run stops what it does: for good (`cancel`) or to sum up (`timeout`).

    With the scope `tree` it is a wish for all below the run, too, those that are only being spawned included.
    """

    number: int
    cause: str
    reason: str
    scope: CancelScope
    at: float


class Execution:
    """A run and everything that this process knows of it while it is not over."""

    def __init__(
        self,
        head: RunHead,
        spec: RunSpec,
        records: Sequence[Record],
        feed: Feed,
        storage: Storage,
        clock: Clock,
        slots: Slots,
        redactor: Redactor,
        give_up: Callable[[str], None],
    ) -> None:
        self._give_up = give_up
        self.id, self.spec, self.feed = head.run, spec, feed
        self.status, self.wake = head.status, head.wake
        self.session = head.session
        self.view = RunView(self.id, spec)
        self.storage, self.clock, self.redactor = storage, clock, redactor
        self.keyed: dict[str, Record] = {}
        self.mail = Mailbox()
        self.operations: dict[str, Operation] = {}
        self.interruption: Interruption | None = None
        self.attempt = 1
        self.ending = False
        self.is_looping = False
        self.task: asyncio.Task[None] | None = None
        self.wish: asyncio.Task[None] | None = None
        self.children: dict[str, Execution] = {}
        self._delivered = 0
        self._emits: dict[str, NewEvent] = {}
        self.leftover: set[asyncio.Task[Any]] = set()
        for record in records:
            self._recall(record)
        if self.is_timed_out:
            self.stopwatch = Stopwatch(clock, LAST_WORDS, self._on_timeout)
        else:
            self.stopwatch = Stopwatch(clock, spec.timeout, self._on_timeout, active_seconds(records))
        self.slot = Slot(lambda: slots(spec), self.stopwatch)

    @property
    def is_cancelled(self) -> bool:
        """Whether it is recorded that the run is to end."""
        return self.interruption is not None and self.interruption.cause == "cancel"

    @property
    def is_tree_cancelled(self) -> bool:
        """Whether it is recorded that the run and all below it are to end."""
        return self.is_cancelled and self.interruption is not None and self.interruption.scope == "tree"

    @property
    def is_timed_out(self) -> bool:
        """Whether it is recorded that the run's time is over."""
        return self.interruption is not None and self.interruption.cause == "timeout"

    # What is recorded

    def _recall(self, record: Record) -> None:
        """Take up one record, old or new, in its order."""
        if record.key:
            self.keyed[record.key] = record
            self.mail.recall(record)  # which is about messages and operations: each has a key
        if record.type == INTERRUPTION:
            self._recall_interruption(record)
        elif record.type == INTERRUPTED:
            self._delivered = max(self._delivered, record.data["number"])
        elif record.type in (RUN_RESUMED, RUN_RETRYING):
            self.attempt += 1

    def _recall_interruption(self, record: Record) -> None:
        data = record.data
        # A later one may be on its way to the journal while this one arrives there.
        if self.interruption is None or self.interruption.number < data["number"]:
            self.interruption = Interruption(data["number"], data["cause"], data["reason"], data["scope"], record.at)

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
        if self.interruption and status in _AT_WORK:
            status, wake = RunStatus.CANCELLING, None
        emitted, self._emits = self._emits, {}
        at = self.clock.now()
        ahead = [Entry(event.type, event.data, at, key, True, event.item) for key, event in emitted.items()]
        ready = [await spilled(self.storage.journal, each) if is_long(each) else each for each in (*ahead, *entries)]
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
        stop = self.interruption
        if stop and self.is_cancelled:
            raise Interrupted(stop.cause, stop.reason, stop.at)
        operation = Operation(key, digest, asyncio.get_running_loop().create_future())
        self.operations[key] = operation
        try:
            if stop and self._delivered < stop.number and operation.settle():
                await self.commit(self._interrupted(operation, stop))
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
            await body(operation)
        except Exception as error:
            if not operation.done.done():
                operation.done.set_exception(error)
            else:
                log.debug("%s: %s ended late: %r", self.id, operation.key, error)

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
        stop = asyncio.create_task(self._time_out(), name=f"{self.id} timeout")
        self.leftover.add(stop)
        stop.add_done_callback(self.leftover.discard)

    async def _time_out(self) -> None:
        """Interrupt what is under way, and give up the children waited for; the first time the run may still sum up."""
        if self.ending or self.is_cancelled:
            return
        entries, settled = self.interrupt("timeout", f"the run took longer than {self.spec.timeout:g} seconds")
        await self.commit(*entries, status=RunStatus.CANCELLING)
        self.stopwatch.allow(LAST_WORDS)
        for operation in settled:
            for child in operation.awaited:
                self._give_up(child)
        await self.stop(settled)

    def interrupt(self, cause: str, reason: str, scope: CancelScope = "run") -> tuple[list[Entry], list[Operation]]:
        """What to append to interrupt this run, and the operations that it ends.

        The operations are settled from now on: append the entries, then `stop` them.
        """
        if self.ending:
            raise Conflict(f"run {self.id} has ended")
        number = self.interruption.number + 1 if self.interruption else 1
        stop = Interruption(number, cause, reason, scope, self.clock.now())
        settled = [operation for operation in self.operations.values() if operation.settle()]
        for operation in settled:
            self.mail.put_back(operation)
        data = {"number": number, "cause": cause, "reason": reason, "scope": scope}
        wish = Entry(INTERRUPTION, data, stop.at, f"{INTERRUPTION}/{number}", public=False)
        self.interruption = stop
        return [wish, *(self._interrupted(operation, stop) for operation in settled)], settled

    def _interrupted(self, operation: Operation, stop: Interruption) -> Entry:
        items = [self.feed.items[id].snapshot() for id in operation.items if id in self.feed.items]
        data = {
            "digest": operation.digest,
            "number": stop.number,
            "cause": stop.cause,
            "reason": stop.reason,
            "items": self.redactor.data(items),
        }
        return Entry(INTERRUPTED, data, stop.at, operation.key, public=False)

    def recall(self, records: Sequence[Record]) -> None:
        """Take up records of this run that were appended for it by others."""
        for record in records:
            if record.run == self.id and (not record.key or record.key not in self.keyed):
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

    def tree(self) -> "list[Execution]":
        """The run and all below it that are not over, leaves last."""
        return [self, *(each for child in self.children.values() for each in child.tree())]

    async def close(self) -> None:
        """Leave the run as it is recorded: it goes on in a later process, and what still comes out here is dropped."""
        self.stopwatch.hold()
        tasks = [task for task in (self.task, *(o.task for o in self.operations.values()), *self.leftover) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=FAREWELL)
