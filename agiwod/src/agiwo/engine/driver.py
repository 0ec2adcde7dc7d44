"""Drives runs in this process: from the first record of each to its end. Starts none by itself, and stops none."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from agiwo import ids
from agiwo.clock import Clock
from agiwo.durable import SPEC, Outcome, Program, Programs
from agiwo.engine.context import Context, Spawn
from agiwo.engine.ending import Ends
from agiwo.engine.execution import Execution, Slots
from agiwo.engine.feed import Feed
from agiwo.engine.feeds import Feeds
from agiwo.engine.finish import outcome_of, record_end, record_suspension
from agiwo.engine.interruption import TIMEOUT
from agiwo.engine.lineage import Lineage
from agiwo.engine.parking import Parking
from agiwo.engine.pasts import BASE, Pasts, point_of
from agiwo.engine.place import Place
from agiwo.engine.redact import Redactor
from agiwo.engine.sessions import Lanes
from agiwo.engine.start import head_of_sleeper, spec_in, start_run
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import Tasks
from agiwo.errors import Conflict, NotFound, ReplayMismatch
from agiwo.failpoint import reach
from agiwo.schema.event import LOG, TERMINAL_EVENTS
from agiwo.schema.past import Past
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import RunSpec, RunStatus

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
        feeds: Feeds,
        warm: int,
    ) -> None:
        self.executions: dict[str, Execution] = {}
        self.ends = Ends()
        self.lineage = Lineage()
        self.parking = Parking(storage.journal, clock, tasks, self._rebuild, self._put_away, warm)
        self.is_closing = False
        self._programs, self._storage, self._clock, self._redactor = programs, storage, clock, redactor
        self._tasks, self._spawn, self._tell_run, self._slots, self._feeds = tasks, spawn, on_run, slots, feeds
        self._give_up = give_up
        self._lanes = Lanes()
        self._pasts = Pasts(storage.journal)
        self._holders: dict[str, asyncio.Future[None]] = {}

    # Runs that this process drives

    @asynccontextmanager
    async def place(self, run: str, spec: RunSpec) -> AsyncGenerator[Place]:
        """The place of a run that is to be recorded; kept for it until the end of the block, if it is not taken on."""
        is_known, pool, place = run in self._lanes.runs(spec.session), self._slots(spec), Place()
        is_first = self._lanes.enter(spec.session, run)
        if is_first and not (is_known or self.is_closing or pool.locked()):
            await pool.acquire()  # there is one, so this does not wait
            place.pool = pool
        try:
            yield place
        finally:
            if not (is_known or place.is_taken):
                place.give_up()
                self._leave(spec.session, run)

    def take_on(
        self, head: RunHead, spec: RunSpec, records: Sequence[Record], feed: Feed, place: Place | None = None
    ) -> None:
        """A run to drive from now on, as soon as it is the first of its session. A new one may have a `place`."""
        execution = self._made(head, spec, records, feed)
        if place:
            place.give(execution)
        self._tell_run(head)
        self.go(execution)

    def park(self, head: RunHead, unfinished: Callable[[str], bool]) -> None:
        """A run to drive when it wakes; `unfinished` tells which runs are still going."""
        self._lanes.enter(head.session, head.run)
        self._tell_run(head)
        self.parking.park(head, unfinished)

    def _made(self, head: RunHead, spec: RunSpec, records: Sequence[Record], feed: Feed) -> Execution:
        execution = self.executions[head.run] = Execution(
            head, spec, records, feed, self._storage, self._clock, self._slots, self._redactor, self
        )
        return execution

    async def _rebuild(self, run: str) -> None:
        if wish := self.parking.wish(run):
            await asyncio.wait({wish})
        feed = self._feeds.early(run)
        records = await self._storage.journal.load(run)
        spec = spec_in(records)
        head = head_of_sleeper(spec, records)
        feed.catch_up(head.head)
        self.parking.release(run)
        execution = self._made(head, spec, records, feed)
        execution.is_rebuilt = True
        reach("wake/rebuilt")
        self.go(execution)

    def _put_away(self, execution: Execution) -> None:
        del self.executions[execution.id]
        for task in execution.put_away():
            self._tasks.keep(task)

    @asynccontextmanager
    async def awake(self, which: Callable[[], Sequence[str]]) -> AsyncGenerator[Sequence[Execution]]:
        """Those of the runs that have not ended, each one whole until the end of the block.

        Raises:
            StorageError: one was parked, and its records cannot be read.
        """
        with self.parking.paused():
            while parked := [run for run in which() if run in self.parking]:
                await asyncio.gather(*map(self.parking.awake, parked))
            found = [self.executions[run] for run in which() if run in self.executions]
            yield [execution for execution in found if not execution.ending]

    @asynccontextmanager
    async def steady(self, which: Callable[[], Sequence[str]]) -> AsyncGenerator[Sequence[str]]:
        """Those of the runs that have not ended; each stays whole, or stays parked, until the end of the block."""
        with self.parking.paused():
            while waking := [run for run in which() if self.parking.is_waking(run)]:
                await asyncio.gather(*map(self.parking.awake, waking), return_exceptions=True)
            yield [run for run in which() if self.is_going(run)]

    async def refuse_unless_over(self, run: str) -> None:
        """Nothing, for a run that has ended or is about to.

        Raises:
            NotFound: no such run.
            Conflict: another process drives it.
        """
        was_ours = run in self.lineage  # by the time that the store has told, it may be over and forgotten
        head = await self._storage.journal.run(run)
        if head is None:
            raise NotFound("run", run)
        if not (head.status.is_terminal or was_ours or run in self.lineage):
            raise Conflict(f"run {run} is not driven by this process")

    def is_going(self, run: str) -> bool:
        """Whether this process drives the run, and it is not about to be over."""
        return run in self.lineage and not self._is_ending(run)

    def session(self, run: str) -> str:
        """The session of a run that is not over."""
        return self.executions[run].session if run in self.executions else self.parking.session(run)

    async def past(self, run: str) -> Past:
        """What the run's session had said before it; nothing, before the run has started."""
        execution = self.executions.get(run)
        records = () if execution else await self._storage.journal.load(run)
        base = execution.keyed.get(BASE) if execution else next((each for each in records if each.key == BASE), None)
        return await self._pasts.up_to(point_of(base))

    def team(self, run: str) -> list[str]:
        """The run, and those below it that it only waits for, with theirs."""
        execution = self.executions.get(run)
        operations = execution.operations.values() if execution else ()
        return [run, *(each for operation in operations for id in operation.awaited for each in self.team(id))]

    # What runs need of each other

    async def time_out(self, execution: Execution) -> None:
        """Interrupt what is under way, and give up the children waited for; the first time the run may still sum up."""
        if execution.ending or execution.interruptions.is_cancelled:
            return
        entries, settled = execution.interrupt(TIMEOUT, execution.over_time)
        await execution.commit(*entries, status=RunStatus.CANCELLING)
        execution.sum_up()
        for child in [child for operation in settled for child in operation.awaited]:
            self._give_up(child)
        await execution.stop(settled)

    def below(self, run: str, ids: Sequence[str]) -> list[str]:
        """As `Host.below`."""
        return [id for id in ids if self.lineage.above(id) == run]

    def fell_asleep(self, execution: Execution) -> None:
        """As `Host.fell_asleep`."""
        if not self.is_closing:
            self.parking.fell_asleep(execution)

    def woke_up(self, execution: Execution) -> None:
        """As `Host.woke_up`."""
        self.parking.woke_up(execution)

    # Driving

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
        line = self._lanes.runs(session)
        if not all(run in self._holders or self._is_ending(run) for run in line):
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
        elif following in self.executions:  # else it is about to be recorded
            self.go(self.executions[following])

    def _is_ending(self, run: str) -> bool:
        return run in self.executions and self.executions[run].ending

    async def _drive(self, execution: Execution) -> None:
        """Take a run as far as it goes: to its end, or until it must be suspended."""
        execution.is_looping = execution.is_rebuilt
        try:
            if not execution.is_rebuilt:  # else it sleeps on, and works when it wakes
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
            execution.is_rebuilt = False
            execution.slot.give()
            execution.stopwatch.hold()

    async def _run(self, execution: Execution, program: Program) -> None:
        await start_run(execution, self._storage.journal, self._pasts)
        execution.is_looping = True
        context = Context(execution, program, self._spawn)
        await self._finish(execution, await outcome_of(execution.id, program.main(context)))

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
        is_open = execution.spec.parent is not None and self.is_going(execution.spec.parent)
        await record_end(execution, outcome, tells_parent=is_open)
        self._let_go(execution)

    def _let_go(self, execution: Execution) -> None:
        self.executions.pop(execution.id, None)
        execution.stopwatch.retire()
        self._note_end(execution)
        for task in execution.leftover:
            self._tasks.keep(task)
        self.lineage.leave(execution.id)
        self._leave(execution.session, execution.id)

    def _note_end(self, execution: Execution) -> None:
        last, spec, begun = execution.feed.last, execution.spec, execution.keyed[SPEC].at
        if last and last.type in TERMINAL_EVENTS:
            times, below = (begun, last.at), (spec.parent, last.seq or 0)
            self.ends.note(RunHead(execution.id, spec.session, spec.agent, execution.status, *times, *below), last)

    async def _suspend(self, execution: Execution, reason: str) -> None:
        self._warn(execution.feed, f"the run is suspended: {reason}")
        if execution.status == RunStatus.SUSPENDED:
            return
        await record_suspension(execution, reason)

    def tell_storage(self, trouble: str | None) -> None:
        """Tell who reads the runs that the store begins to refuse writes, or takes them again."""
        for feed in filter(None, map(self._feeds.at_hand, self.lineage)):
            if trouble is None:
                feed.notice(LOG, {"level": "info", "message": "the run goes on"}, self._clock.now())
            else:
                self._warn(feed, f"the run is suspended until the store takes writes again: {trouble}")

    def _warn(self, feed: Feed, message: str) -> None:
        """Tell who reads the run, now or later, why nothing happens."""
        warning = {"level": "warning", "message": self._redactor.text(message)}
        feed.notice(LOG, warning, self._clock.now(), stands=True)
