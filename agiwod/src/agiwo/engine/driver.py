"""Drives runs in this process: from the first record of each to its end. Starts none by itself, and stops none."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from agiwo import ids
from agiwo.clock import Clock
from agiwo.durable import SPEC, Outcome, Program, Programs
from agiwo.engine.context import Context, Spawn
from agiwo.engine.execution import Execution, Slots
from agiwo.engine.feed import Feed
from agiwo.engine.pasts import BASE, Pasts
from agiwo.engine.redact import Redactor
from agiwo.engine.sessions import Lanes
from agiwo.engine.start import start_run
from agiwo.engine.stopwatch import SUSPENDED
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import Tasks
from agiwo.engine.terminal import terminal_event
from agiwo.errors import Conflict, Interrupted, ReplayMismatch
from agiwo.schema.event import CHILD_FINISHED, LOG
from agiwo.schema.record import Batch, Entry, Record, RunHead
from agiwo.schema.run import TERMINAL, RunSpec, RunStatus

OPEN = frozenset(RunStatus) - TERMINAL
"""What a run is that takes more records."""

log = logging.getLogger(__name__)


class Driver:
    """Knows every run that this process drives, and takes each as far as it goes."""

    def __init__(
        self,
        programs: Programs,
        storage: Storage,
        clock: Clock,
        redactor: Redactor,
        tasks: Tasks,
        spawn: Spawn,
        on_run: Callable[[RunHead], None],
        give_up: Callable[[str], None],
        slots: Slots,
    ) -> None:
        self.executions: dict[str, Execution] = {}
        self.is_closing = False
        self._programs, self._storage, self._clock, self._redactor = programs, storage, clock, redactor
        self._tasks, self._spawn, self._tell_run, self._give_up = tasks, spawn, on_run, give_up
        self._slots = slots
        self._lanes = Lanes()
        self._pasts = Pasts(storage.journal)
        self._holders: dict[str, asyncio.Future[None]] = {}

    def take_on(self, head: RunHead, spec: RunSpec, records: Sequence[Record], feed: Feed) -> Execution:
        """A run to drive from now on, as soon as it is the first of its session."""
        execution = Execution(
            head, spec, records, feed, self._storage, self._clock, self._slots, self._redactor, self._give_up
        )
        self.executions[head.run] = execution
        self._tell_run(head)
        self.go(execution)
        return execution

    def go(self, execution: Execution) -> None:
        """Drive a run, unless that is done already or another run of its session is before it."""
        is_driven = execution.task is not None and not execution.task.done()
        is_first = self._lanes.enter(execution.session, execution.id)
        if is_first and not (is_driven or execution.ending or self.is_closing):
            execution.task = self._tasks.start(self._drive(execution), execution.id)

    @asynccontextmanager
    async def hold(self, session: str) -> AsyncGenerator[None]:
        """Keep the session's runs from going meanwhile; waits for one that is about to end.

        Raises:
            Conflict: one is going, or waits to go.
        """
        if any(not execution.ending for execution in self.executions.values() if execution.session == session):
            raise Conflict(f"a run of session {session!r} is going or waits to go: wait for it, or cancel it")
        holder, turn = ids.fresh("hold"), asyncio.get_running_loop().create_future()
        self._holders[holder] = turn
        try:
            if not self._lanes.enter(session, holder):
                await turn
            yield
        finally:
            del self._holders[holder]
            self._leave(session, holder)

    def _leave(self, session: str, run: str) -> None:
        """Let the next one in the session's line have its turn."""
        following = self._lanes.leave(session, run)
        if following in self._holders:
            self._holders[following].set_result(None)
        elif following:
            self.go(self.executions[following])

    async def _drive(self, execution: Execution) -> None:
        """Take a run as far as it goes: to its end, or until it must be suspended."""
        execution.is_looping = False
        try:
            await execution.slot.take()
            program = self._programs.find(execution.spec)
            if program is None:
                await self._halt(execution, f"agent {execution.spec.agent!r} is not registered in this process")
                program = self._programs.find(execution.spec)  # it may have come while that was recorded
            if program is None or execution.ending:
                return
            if (version := execution.keyed[SPEC].data["version"]) not in (None, program.version):
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
        await start_run(execution, self._storage.journal, self._pasts)
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
        if not execution.interruptions.is_cancelled:
            await self._suspend(execution, reason)
        if execution.interruptions.is_cancelled:
            await self.end_idle(execution)

    async def end_idle(self, execution: Execution) -> None:
        """End a cancelled run that no loop is driving."""
        assert execution.interruptions.latest
        await self._finish(execution, Outcome(RunStatus.CANCELLED, reason=execution.interruptions.latest.reason))

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
        parent = self.executions.get(execution.spec.parent or "")
        if parent is None or parent.ending:
            return []
        data = {"runId": execution.id, "agentId": execution.spec.agent, "status": str(outcome.status)}
        return [Batch(parent.id, (Entry(CHILD_FINISHED, data, self._clock.now()),), expect=OPEN)]

    def _let_go(self, execution: Execution) -> None:
        self.executions.pop(execution.id, None)
        for task in execution.leftover:
            self._tasks.keep(task)
        if parent := self.executions.get(execution.spec.parent or ""):
            parent.children.pop(execution.id, None)
            parent.children |= execution.children  # so that a cancel of the tree still finds them
        self._leave(execution.session, execution.id)

    async def _suspend(self, execution: Execution, reason: str) -> None:
        self._warn(execution, f"the run is suspended: {reason}")
        if execution.status == RunStatus.SUSPENDED:
            return
        log.warning("run %s is suspended: %s", execution.id, reason)
        count = sum(1 for record in execution.keyed.values() if record.type == SUSPENDED)
        data = {"reason": reason, "before": str(execution.status)}
        entry = Entry(SUSPENDED, data, self._clock.now(), f"{SUSPENDED}/{count + 1}", public=False)
        await execution.commit(entry, status=RunStatus.SUSPENDED)

    def tell_storage(self, trouble: str | None) -> None:
        """Tell who reads the runs that the store begins to refuse writes, or takes them again."""
        for execution in self.executions.values():
            if trouble is None:
                execution.feed.notice(LOG, {"level": "info", "message": "the run goes on"}, self._clock.now())
            else:
                self._warn(execution, f"the run is suspended until the store takes writes again: {trouble}")

    def _warn(self, execution: Execution, message: str) -> None:
        """Tell who reads the run, now or later, why nothing happens."""
        warning = {"level": "warning", "message": self._redactor.text(message)}
        execution.feed.notice(LOG, warning, self._clock.now(), stands=True)
