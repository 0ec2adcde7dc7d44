"""The engine in this process: runs over a journal in memory or on SQLite, moved by events and never by polling."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from agiwo import ids
from agiwo.clock import Clock, SystemClock
from agiwo.durable import SPEC, CancelScope, Outcome, Program, Programs
from agiwo.engine.context import Context
from agiwo.engine.cursor import Cursor
from agiwo.engine.ending import Ending
from agiwo.engine.execution import FAREWELL, GRACE, Execution
from agiwo.engine.feed import Feed
from agiwo.engine.feeds import Feeds
from agiwo.engine.mailbox import MAIL
from agiwo.engine.operation import SPAWN, Operation
from agiwo.engine.redact import Redactor
from agiwo.engine.sessions import Lanes
from agiwo.engine.start import BASE, new_run, start_run
from agiwo.engine.stopwatch import SUSPENDED
from agiwo.engine.storage import Storage
from agiwo.engine.terminal import terminal_event
from agiwo.errors import Conflict, CursorExpired, Interrupted, NotFound, ReplayMismatch, StorageError
from agiwo.journal.base import Journal
from agiwo.schema.event import (
    CHILD_FINISHED,
    CHILD_SPAWNED,
    LOG,
    NewEvent,
)
from agiwo.schema.record import Batch, Change, Entry, Record, RunHead, Session
from agiwo.schema.run import TERMINAL, RunResult, RunSpec, RunStatus

_OPEN = frozenset(RunStatus) - TERMINAL

Stop = tuple[Execution, list[Entry], list[Operation]]
"""A run that is to be stopped, what says so in its journal, and the operations that end with it."""

log = logging.getLogger(__name__)


class EmbeddedEngine:
    """Runs programs in this process. What it acknowledged is in the journal.

    `max_concurrent` bounds the runs that work at the same time; a run that waits does not count. `secrets` (name ->
    value) are replaced in everything that is recorded or streamed. `on_storage` is called with the trouble when the
    store begins to refuse writes, and with None when it takes them again; `on_run` with each run that is taken on, a
    new or a recovered one, before it goes on.
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
    ) -> None:
        self.journal = journal
        self.storage = Storage(journal, self._on_storage)
        self._tell_storage, self._tell_run = on_storage, on_run
        self._programs = programs
        self._clock = clock or SystemClock()
        self._redactor = Redactor(secrets)
        self._slots = asyncio.Semaphore(max_concurrent)
        self._lanes = Lanes()
        self._executions: dict[str, Execution] = {}
        self._feeds = Feeds(journal)
        self._submits: dict[str, asyncio.Task[Cursor]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        # Sessions whose creation a reader may not see yet: creating one twice would lose where its history ends.
        self._new_sessions: set[str] = set()
        self._is_closing = False

    # Asking for runs

    async def submit(self, spec: RunSpec, *, run: str | None = None) -> str:
        """Queue a run and return its id once it is recorded. With an id that exists already, nothing new is started.

        Raises:
            StorageError: the store refuses writes; nothing was accepted.
        """
        return (await self.start(spec, run=run)).run

    async def start(self, spec: RunSpec, *, run: str | None = None) -> Cursor:
        """Submit a run, and read it from its first moment on: however fast it is, this reader gets every delta.

        Raises:
            StorageError: the store refuses writes; nothing was accepted.
        """
        id = run or ids.fresh("run")
        if run and await self.journal.run(run):
            return await self.events(run)
        submit = self._submits[id] = self._own(self._submit(id, spec), f"{id} submit")
        submit.add_done_callback(lambda done: self._submits.pop(id, None))
        # A caller that goes away in the middle must not leave a run that is recorded and that nobody drives.
        return await asyncio.shield(submit)

    async def _submit(self, id: str, spec: RunSpec) -> Cursor:
        spec = self._without_secrets(spec)
        batch, session = await self._new_run(id, spec)
        try:
            records = await self.storage.append_now(*session, batch)
        except Conflict:
            if await self.journal.run(id):
                return await self.events(id)
            raise
        except StorageError:
            self._new_sessions.discard(spec.session)
            raise
        return await self._admit(batch, spec, records)

    async def _new_run(self, id: str, spec: RunSpec) -> tuple[Batch, list[Change]]:
        """What to append for a new run, and for its session when that is new too."""
        at, program = self._clock.now(), self._programs.find(spec)
        batch = new_run(id, spec, program.version if program else None, at)
        if await self.journal.session(spec.session) or spec.session in self._new_sessions:
            return batch, []
        self._new_sessions.add(spec.session)
        return batch, [Session(spec.session, spec.agent, at, at)]

    def _without_secrets(self, spec: RunSpec) -> RunSpec:
        """The spec as it is recorded, so that the run and its replay see the same."""
        return RunSpec.from_json(self._redactor.data(spec.to_json())) if self._redactor else spec

    async def _admit(self, batch: Batch, spec: RunSpec, records: Sequence[Record]) -> Cursor:
        """Take on a new run; gives a reader of it that is there before anything happens."""
        assert batch.create
        head = replace(batch.create, head=1)
        own = [record for record in records if record.run == batch.run]
        feed = await self._feeds.of(head)
        cursor = Cursor(feed, self.journal, self._clock.now)
        execution = self._take_on(head, spec, own, feed)
        if parent := self._executions.get(spec.parent or ""):
            parent.children[execution.id] = execution
        return cursor

    def _take_on(self, head: RunHead, spec: RunSpec, records: Sequence[Record], feed: Feed) -> Execution:
        execution = Execution(head, spec, records, feed, self.storage, self._clock, self._slots, self._redactor)
        self._executions[head.run] = execution
        self._tell_run(head)
        if self._lanes.enter(head.session, head.run):
            self._go(execution)
        return execution

    def _go(self, execution: Execution) -> None:
        is_driven = execution.task is not None and not execution.task.done()
        if not (is_driven or execution.ending or self._is_closing):
            execution.task = self._own(self._drive(execution), execution.id)

    def _own(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=name)
        self._keep(task)
        return task

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Driving a run

    async def _drive(self, execution: Execution) -> None:
        """Take a run as far as it goes: to its end, or until it must be suspended."""
        execution.is_looping = False
        try:
            await execution.slot.take()
            program = self._programs.find(execution.spec)
            if program is None:
                await self._halt(execution, f"agent {execution.spec.agent!r} is not registered in this process")
            elif (version := execution.keyed[SPEC].data["version"]) not in (None, program.version):
                reason = f"the run was begun by loop version {version}, and this is version {program.version}"
                await self._halt(execution, reason)
            else:
                await self._run(execution, program)
        except ReplayMismatch as error:
            await self._halt(execution, str(error))
        finally:
            execution.slot.give()
            execution.stopwatch.hold()

    async def _run(self, execution: Execution, program: Program) -> None:
        await start_run(execution, self.journal)
        execution.is_looping = True
        context = Context(execution, program, self._spawn)
        await self._finish(execution, await self._outcome(execution, program.main(context)))

    async def _outcome(self, execution: Execution, main: Coroutine[Any, Any, Outcome]) -> Outcome:
        try:
            return await main
        except Interrupted as stop:
            return Outcome(RunStatus.CANCELLED, reason=stop.reason)
        except ReplayMismatch:
            raise
        except Exception as error:
            log.exception("run %s: the loop failed", execution.id)
            fault = {"kind": "internal", "message": f"{type(error).__name__} in the loop", "retryable": False}
            return Outcome(RunStatus.FAILED, error=fault)

    async def _halt(self, execution: Execution, reason: str) -> None:
        """Suspend a run that cannot go on here; a cancelled one ends, for which no loop is needed."""
        if not execution.is_cancelled:
            await self._suspend(execution, reason)
        if execution.is_cancelled:
            await self._end_idle(execution)

    async def _end_idle(self, execution: Execution) -> None:
        """End a cancelled run that no loop is driving."""
        assert execution.interruption
        await self._finish(execution, Outcome(RunStatus.CANCELLED, reason=execution.interruption.reason))

    async def _finish(self, execution: Execution, outcome: Outcome) -> None:
        if execution.ending:
            return
        execution.ending = True
        base = execution.keyed.get(BASE)
        event = terminal_event(outcome, round(1000 * (self._clock.now() - base.at)) if base else 0)
        status, told = outcome.status, self._tell_parent(execution, outcome)
        try:
            await execution.commit(execution.entry(event), status=status, extra=told)
        except Conflict:  # the parent has ended meanwhile, and nothing follows a terminal event
            await execution.commit(execution.entry(event), status=status)
        self._let_go(execution)

    def _tell_parent(self, execution: Execution, outcome: Outcome) -> list[Batch]:
        parent = self._executions.get(execution.spec.parent or "")
        if parent is None or parent.ending:
            return []
        data = {"runId": execution.id, "agentId": execution.spec.agent, "status": str(outcome.status)}
        return [Batch(parent.id, (Entry(CHILD_FINISHED, data, self._clock.now()),), expect=_OPEN)]

    def _let_go(self, execution: Execution) -> None:
        self._executions.pop(execution.id, None)
        for task in execution.leftover:
            self._keep(task)
        self._new_sessions.discard(execution.session)
        if parent := self._executions.get(execution.spec.parent or ""):
            parent.children.pop(execution.id, None)
            parent.children |= execution.children  # so that a cancel of the tree still finds them
        following = self._lanes.leave(execution.session, execution.id)
        if following:
            self._go(self._executions[following])

    async def _suspend(self, execution: Execution, reason: str) -> None:
        self._warn(execution, f"the run is suspended: {reason}")
        if execution.status == RunStatus.SUSPENDED:
            return
        log.warning("run %s is suspended: %s", execution.id, reason)
        count = sum(1 for record in execution.keyed.values() if record.type == SUSPENDED)
        data = {"reason": reason, "before": str(execution.status)}
        entry = Entry(SUSPENDED, data, self._clock.now(), f"{SUSPENDED}/{count + 1}", public=False)
        await execution.commit(entry, status=RunStatus.SUSPENDED)

    def _on_storage(self, trouble: str | None) -> None:
        for execution in self._executions.values():
            if trouble is None:
                execution.feed.notice(LOG, {"level": "info", "message": "the run goes on"}, self._clock.now())
            else:
                self._warn(execution, f"the run is suspended until the store takes writes again: {trouble}")
        self._tell_storage(trouble)

    def _warn(self, execution: Execution, message: str) -> None:
        """Tell who reads the run, now or later, why nothing happens."""
        warning = {"level": "warning", "message": self._redactor.text(message)}
        execution.feed.notice(LOG, warning, self._clock.now(), stands=True)

    async def _spawn(self, execution: Execution, operation: Operation, spec: RunSpec) -> None:
        """Create the child and the record of it in one commit."""
        child = ids.derived("run", execution.id, operation.key)
        spec = self._without_secrets(replace(spec, parent=execution.id, depth=execution.spec.depth + 1))
        batch, session = await self._new_run(child, spec)
        if not operation.settle():
            return
        told = NewEvent(CHILD_SPAWNED, {"runId": child, "agentId": spec.agent, "sessionId": spec.session})
        own = Entry(SPAWN, {"digest": operation.digest, "value": child}, self._clock.now(), operation.key, public=False)
        await execution.commit(execution.entry(told), own, extra=(*session, batch))
        await self._admit(batch, spec, await self.journal.load(child))
        if execution.is_tree_cancelled:
            await self.cancel(child, execution.interruption.reason if execution.interruption else "")
        execution.conclude(operation)

    # Talking to runs

    async def send(self, run: str, message: str, topic: str, data: Mapping[str, Any]) -> None:
        """Put a message in a run's mailbox; a second one with the same id is ignored.

        Raises:
            NotFound: no such run.
            Conflict: the run has ended, or takes no more messages on this topic.
        """
        execution = self._executions.get(run)
        if execution is None or execution.ending:
            await self._refuse_unless_over(run)
            raise Conflict(f"run {run} has ended")
        if f"{MAIL}/{message}" in execution.keyed:
            return
        if not execution.mail.is_open(topic):
            raise Conflict(f"run {run} is finishing and takes no more messages on {topic!r}")
        payload = {"id": message, "topic": topic, "data": self._redactor.data(dict(data))}
        await asyncio.shield(self._own(self._deliver(execution, payload), f"{run} mail"))

    async def _deliver(self, execution: Execution, payload: Mapping[str, Any]) -> None:
        key = f"{MAIL}/{payload['id']}"
        batch = Batch(execution.id, (Entry(MAIL, payload, self._clock.now(), key, public=False),), expect=_OPEN)
        execution.mail.arriving[key] = payload["topic"]
        try:
            records = await self.storage.append_now(batch)
        except Conflict:
            if key not in execution.keyed:  # it is no second sending of the same message
                raise
            return
        finally:
            execution.mail.arriving.pop(key, None)
        execution.recall(records)
        execution.mail.ring()

    async def _refuse_unless_over(self, run: str) -> None:
        head = await self.journal.run(run)
        if head is None:
            raise NotFound("run", run)
        if not head.status.is_terminal and run not in self._executions:
            raise Conflict(f"run {run} is not driven by this process")

    async def cancel(self, run: str, reason: str = "", scope: CancelScope = "tree") -> bool:
        """Record that a run, and by default all below it, is to end, and see to it; False when it had ended already.

        Returns as soon as the wish is recorded; the terminal event tells that the run has ended.

        Raises:
            NotFound: no such run.
            Conflict: another process drives the run.
            StorageError: the store refuses writes; ask again when it takes them.
        """
        # The wish stands from here on, whatever becomes of the caller.
        return await asyncio.shield(self._own(self._cancel(run, reason, scope), f"{run} cancel"))

    async def _cancel(self, run: str, reason: str, scope: CancelScope) -> bool:
        if submit := self._submits.get(run):
            await asyncio.wait({submit})
        if self.storage.trouble is not None:
            raise StorageError(self.storage.trouble)
        execution = self._executions.get(run)
        if execution is None or execution.ending:
            await self._refuse_unless_over(run)
            return False
        tree = execution.tree() if scope == "tree" else [execution]
        if going := [each for each in tree if not each.ending and not each.is_cancelled]:
            stops = [(each, *each.interrupt("cancel", reason or "cancelled", scope)) for each in going]
            wish = self._own(self._interrupt(stops), f"{run} interruption")
            for each in going:
                each.wish = wish
        if execution.wish:
            await self.storage.done(execution.wish)
        return True

    async def _interrupt(self, stops: Sequence[Stop]) -> None:
        """Record the interruptions in one commit, then see to them."""
        batches = [Batch(execution.id, tuple(entries), RunStatus.CANCELLING) for execution, entries, _ in stops]
        records = await self.storage.append(*batches)
        for execution, _, _ in stops:
            execution.status = RunStatus.CANCELLING
            execution.recall(records)
        self._own(self._stop(stops), f"{stops[0][0].id} stop")

    async def _stop(self, stops: Sequence[Stop]) -> None:
        """Stop the leaves first, so that each run still hears of those that it spawned."""
        by_depth = sorted(stops, key=_depth, reverse=True)
        for _, level in groupby(by_depth, key=_depth):
            await asyncio.gather(*(self._stop_run(execution, settled) for execution, _, settled in level))

    async def _stop_run(self, execution: Execution, settled: Sequence[Operation]) -> None:
        await execution.stop(settled)
        task = execution.task
        if task and not task.done() and (execution.is_looping or execution.ending):
            await asyncio.wait({task}, timeout=GRACE)
            return
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._end_idle(execution)

    # Looking at runs

    async def result(self, run: str, timeout: float | None = None) -> RunResult:
        """How the run ended, once it has.

        Raises:
            TimeoutError: it was still going after `timeout` seconds.
            NotFound: no such run.
        """
        async with asyncio.timeout(timeout):
            ending = Ending(self.journal, run)
            try:
                await ending.look()
                return await ending.result()
            finally:
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
        return Cursor(feed, self.journal, self._clock.now, after, on_wake)

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

    # The life of the engine

    async def recover(self) -> list[str]:
        """Go on with every unfinished run whose process is gone; return their ids.

        Runs whose agent is not registered are suspended until `resume` is called for it.
        """
        heads = [head for head in await self.journal.claim() if head.run not in self._executions]
        heads.sort(key=lambda head: (head.status == RunStatus.QUEUED, head.created_at))
        for head in heads:
            records = await self.journal.load(head.run)
            spec = next(record for record in records if record.key == SPEC)
            feed = await self._feeds.of(head)
            self._take_on(head, RunSpec.from_json(spec.data["spec"]), records, feed)
        for head in heads:
            await self._find_parent(head)
        return [head.run for head in heads]

    async def _find_parent(self, head: RunHead) -> None:
        """Put a recovered run under the nearest run above it that is not over."""
        above = head
        while above and above.parent and above.parent not in self._executions:
            above = await self.journal.run(above.parent)
        execution = self._executions.get(head.run)
        if execution is None or above is None or above.parent is None:
            return
        parent = self._executions[above.parent]
        parent.children[head.run] = execution
        if parent.is_tree_cancelled:  # it was spawned while that was being recorded
            await self.cancel(head.run, parent.interruption.reason if parent.interruption else "")

    async def resume(self, run: str) -> bool:
        """Try a suspended run again; False when it is not suspended here."""
        execution = self._executions.get(run)
        if execution is None or execution.status != RunStatus.SUSPENDED:
            return False
        if self._lanes.enter(execution.session, run):
            self._go(execution)
        return True

    def learn_secrets(self, secrets: Mapping[str, str]) -> None:
        """Replace these secrets too in everything that is recorded or streamed from now on."""
        self._redactor.learn(secrets)

    async def close(self) -> None:
        """Stop driving. Unfinished runs stay as they are recorded and go on when they are recovered."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(execution.close() for execution in self._executions.values()))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FAREWELL)
        await self.storage.close()
        self._executions.clear()


def _depth(stop: Stop) -> int:
    return stop[0].spec.depth
