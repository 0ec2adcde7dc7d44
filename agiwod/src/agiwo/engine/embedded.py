"""The engine in this process: runs over a journal in memory or on SQLite, moved by events and never by polling."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from agiwo.clock import Clock, SystemClock
from agiwo.durable import CancelScope, Programs, RunView
from agiwo.engine.branching import Branching
from agiwo.engine.cursor import Cursor
from agiwo.engine.driver import Driver
from agiwo.engine.ending import Ending
from agiwo.engine.execution import Execution
from agiwo.engine.feed import OpenItem
from agiwo.engine.feeds import Feeds
from agiwo.engine.intake import Intake
from agiwo.engine.interruption import CANCEL
from agiwo.engine.operation import Operation
from agiwo.engine.parking import WARM
from agiwo.engine.post import Post
from agiwo.engine.recovery import Recovery
from agiwo.engine.redact import Redactor
from agiwo.engine.stopping import Stopping
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import Tasks
from agiwo.errors import CursorExpired, NotFound, StorageError
from agiwo.journal.base import Journal
from agiwo.schema.event import LOG, NewEvent
from agiwo.schema.past import Past
from agiwo.schema.record import Record, RunHead, StateChange
from agiwo.schema.run import RunResult, RunSpec, RunStatus


class EmbeddedEngine:
    """Runs programs in this process. What it acknowledged is in the journal.

    `max_concurrent` bounds the runs that work at the same time; a run that waits does not count. `pool_of` may give
    some runs another pool of slots; it can be set later, too, for slots that are taken from then on. `secrets` (name
    -> value) are replaced in everything that is recorded or streamed. `on_storage` is called with the trouble when the
    store begins to refuse writes, and with None when it takes them again; `on_run` with each run that is taken on, a
    new or a recovered one, before it goes on: who watches it from then on hears of all that its head does not count.
    Of the runs that sleep the newest, `warm` of them, are kept whole.
    """

    def __init__(
        self,
        journal: Journal,
        programs: Programs,
        *,
        clock: Clock | None = None,
        secrets: Mapping[str, str] | None = None,
        max_concurrent: int = 100,
        on_storage: Callable[[str | None], None] = lambda trouble: None,
        on_run: Callable[[RunHead], None] = lambda head: None,
        pool_of: Callable[[RunSpec], asyncio.Semaphore | None] = lambda spec: None,
        warm: int = WARM,
    ) -> None:
        self.journal = journal
        self.storage = Storage(journal, self._on_storage)
        self._tell_storage = on_storage
        self._clock = clock or SystemClock()
        self._redactor = Redactor(secrets)
        self._tasks = Tasks()
        self._slots, self.pool_of = asyncio.Semaphore(max_concurrent), pool_of
        self._feeds = Feeds(journal)
        self._driver = Driver(
            programs,
            self.storage,
            self._clock,
            self._redactor,
            self._tasks,
            self._spawn,
            on_run,
            self._give_up,
            self._slots_of,
            self._feeds,
            warm,
        )
        self._executions = self._driver.executions
        self.branching = Branching(journal, self._driver, self._clock)
        self._stopping = Stopping(self.storage, self._driver, self._tasks, self._clock)
        self._intake = Intake(
            programs,
            self.storage,
            self._clock,
            self._redactor,
            self._tasks,
            self._feeds,
            self._driver,
            self.events,
        )
        self._post = Post(self.storage, self._clock, self._redactor, self._tasks, self._driver)
        self._recovery = Recovery(journal, self._driver, self._feeds)
        self._endings: set[Ending] = set()

    def _slots_of(self, spec: RunSpec) -> asyncio.Semaphore:
        return self.pool_of(spec) or self._slots

    @property
    def going(self) -> int:
        """How many runs are in memory: all that are not over, but for those that sleep (the newest of which are)."""
        return len(self._executions) + self._intake.coming

    # Asking for runs

    async def submit(self, spec: RunSpec, *, run: str | None = None) -> str:
        """Queue a run and return its id once it is recorded. With an id that exists already, nothing new is started.

        Raises:
            StorageError: the store refuses writes; nothing was accepted.
        """
        return (await self.start(spec, run=run)).run

    async def start(
        self, spec: RunSpec, *, run: str | None = None, changes: Sequence[StateChange] = (), is_new: bool = False
    ) -> Cursor:
        """Submit a run, and read it from its first moment on: however fast it is, this reader gets every delta.

        A new run is recorded together with `changes`, or not at all. Who knows that there is no run of that id, as it
        `is_new`, spares looking for one.

        Raises:
            StorageError: the store refuses writes; nothing was accepted.
            Conflict: the engine was closed meanwhile, or a state is of another version than expected.
        """
        return await self._intake.start(spec, run, changes, is_new=is_new)

    async def _spawn(self, execution: Execution, operation: Operation, spec: RunSpec) -> None:
        child = await self._intake.spawning.spawn(execution, operation, spec)
        if child is None:
            return
        await self._interrupt_too(child, execution)
        execution.conclude(operation)

    async def _interrupt_too(self, child: str, above: Execution) -> None:
        """Interrupt a run that was spawned while all below the one above it were interrupted."""
        if stop := above.interruptions.for_tree:
            await (self.cancel if stop.cause == CANCEL else self.conclude)(child, stop.reason, "tree")

    # Talking to runs

    async def send(self, run: str, message: str, topic: str, data: Mapping[str, Any]) -> None:
        """Put a message in a run's mailbox; a second one with the same id is ignored.

        Raises:
            NotFound: no such run.
            Conflict: the run has ended, or takes no more messages on this topic.
        """
        await self.send_first(run, message, topic, data)

    async def send_first(
        self, run: str, message: str, topic: str, data: Mapping[str, Any], event: NewEvent | None = None
    ) -> bool:
        """As `send`; whether it was the first with this id. The first one's `event` is told in the same commit.

        Raises:
            NotFound: no such run.
            Conflict: the run has ended, or takes no more messages on this topic.
        """
        return await self._post.send(run, message, topic, data, event)

    async def cancel(self, run: str, reason: str = "", scope: CancelScope = "tree") -> bool:
        """Record that a run, and by default all below it, is to end, and see to it; False when it had ended already.

        Returns as soon as the wish is recorded; the terminal event tells that the run has ended.

        Raises:
            NotFound: no such run.
            Conflict: another process drives the run.
            StorageError: the store refuses writes; ask again when it takes them.
        """
        # The wish stands from here on, whatever becomes of the caller.
        return await asyncio.shield(self._tasks.start(self._cancel(run, reason, scope), f"{run} cancel"))

    async def conclude(self, run: str, reason: str = "", scope: CancelScope = "run") -> bool:
        """Record that a run is to rest no more, and see to it; False when it had ended already.

        A run that sleeps, or waits for a message, says its last word and ends; those that work for it come to their end
        likewise. One that works goes on, and comes to its end where it would rest. A run that is to end anyway is left
        alone.

        Raises:
            NotFound, Conflict, StorageError: as `cancel`.
        """
        return await asyncio.shield(self._tasks.start(self._conclude(run, reason, scope), f"{run} shutdown"))

    async def _cancel(self, run: str, reason: str, scope: CancelScope) -> bool:
        return await self._is_going(run) and await self._stopping.cancel(run, reason, scope)

    async def _conclude(self, run: str, reason: str, scope: CancelScope) -> bool:
        if is_going := await self._is_going(run):
            await self._stopping.shut_down(run, reason, scope)
        return is_going

    async def _is_going(self, run: str) -> bool:
        await self._intake.settled(run)
        if self.storage.trouble is not None:
            raise StorageError(self.storage.trouble)
        if self._driver.is_going(run):
            return True
        await self._driver.refuse_unless_over(run)
        return False

    def _give_up(self, child: str) -> None:
        self._tasks.start(self._cancel_late(child), f"{child} given up")

    async def _cancel_late(self, child: str) -> None:
        """Cancel a child whose parent is out of time; while the store refuses it goes on to its own limits."""
        with suppress(StorageError):
            await self._cancel(child, "the time of the run above it is over", "tree")

    # Looking at runs

    async def result(self, run: str, timeout: float | None = None) -> RunResult:
        """How the run ended, once it has.

        Raises:
            TimeoutError: it was still going after `timeout` seconds.
            NotFound: no such run.
            Conflict: another process drives the run, or the engine was closed before it had ended.
        """
        async with asyncio.timeout(timeout):
            ending = Ending(self.journal, self._driver.ends, run)
            self._endings.add(ending)
            try:
                await ending.look()
                ending.refuse_foreign()
                return await ending.result()
            finally:
                self._endings.discard(ending)
                ending.close()

    async def events(self, run: str, after: int = 0, on_wake: Callable[[Cursor], None] | None = None) -> Cursor:
        """A reader of the run's events from `after` on; any number of them read side by side.

        Raises:
            NotFound: no such run.
            CursorExpired: the run has not had that many events.
        """
        head = await self.head(run)
        feed = await self._feeds.of(head)
        if after > (newest := max(feed.head, head.head)):
            raise CursorExpired(run, after, newest)
        cursor = Cursor(feed, self.journal, self._clock.now, after, on_wake)
        cursor.finished = head.status.is_terminal and after == newest
        return cursor

    async def head(self, run: str) -> RunHead:
        """Where a run stands; a run whose commits the store refuses is `suspended`.

        Raises:
            NotFound: no such run.
        """
        head = await self.journal.run(run)
        if head is None:
            raise NotFound("run", run)
        if self.storage.trouble is not None and not head.status.is_terminal:
            return replace(head, status=RunStatus.SUSPENDED)
        return head

    def state_of(self, run: str) -> str | None:
        """The state that a run works for which is driven here; None for all others."""
        execution = self._executions.get(run)
        return execution and execution.spec.state

    def open_items(self, run: str) -> list[OpenItem]:
        """What a run is making at this moment, oldest first; nothing of a run that nobody drives or follows here."""
        feed = self._feeds.at_hand(run)
        return list(feed.items.values()) if feed else []

    # The life of the engine

    def _on_storage(self, trouble: str | None) -> None:
        self._driver.tell_storage(trouble)
        self._tell_storage(trouble)

    async def recover(self) -> list[str]:
        """Go on with every unfinished run whose process is gone; return their ids.

        Runs whose agent is not registered are suspended until `resume` is called for it.
        """
        heads = await self._recovery.recover()
        for head in heads:  # it may have been spawned while all below another one were interrupted
            above = self._executions.get(self._driver.lineage.above(head.run) or "")
            if above:
                await self._interrupt_too(head.run, above)
        return [head.run for head in heads]

    async def resume(self, run: str) -> bool:
        """Try a suspended run again; False when it is not suspended here."""
        execution = self._executions.get(run)
        if execution is None or execution.status != RunStatus.SUSPENDED:
            return False
        self._driver.go(execution)
        return True

    def tell(self, run: str, data: Mapping[str, Any]) -> bool:
        """Tell present readers of a run something that is not kept, as a `log`; False when nobody drives it here."""
        if not self._driver.is_going(run):
            return False
        if feed := self._feeds.at_hand(run):
            feed.notice(LOG, self._redactor.data(dict(data)), self._clock.now())
        return True

    def recorded(self, run: str) -> tuple[RunView, Mapping[str, Record]] | None:
        """The run as its loop sees it, and its records by key, which grow; None while no loop drives it here."""
        execution = self._executions.get(run)
        return (execution.view, execution.keyed) if execution and execution.is_looping else None

    async def past(self, run: str) -> Past:
        """What the run's session had said before it; nothing, before the run has started."""
        return await self._driver.past(run)

    def learn_secrets(self, secrets: Mapping[str, str]) -> None:
        """Replace these secrets too in everything that is recorded or streamed from now on."""
        self._redactor.learn(secrets)

    async def close(self) -> None:
        """Stop driving. Unfinished runs stay as they are recorded and go on when they are recovered."""
        self._driver.is_closing = True
        self._driver.parking.close()
        for ending in self._endings:
            ending.give_up()
        self._tasks.cancel()
        await asyncio.gather(*(execution.close() for execution in self._executions.values()))
        await self._tasks.wait()
        await self.storage.close()
        self._executions.clear()
