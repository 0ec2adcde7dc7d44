"""New runs: recorded together with their session and what else belongs to them, then taken on. Ends none."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from agiwo import ids
from agiwo.clock import Clock
from agiwo.durable import STEP_FAILED, Programs
from agiwo.engine.cursor import Cursor
from agiwo.engine.driver import Driver
from agiwo.engine.execution import Execution
from agiwo.engine.feeds import Feeds
from agiwo.engine.operation import SPAWN, Operation, failure
from agiwo.engine.redact import Redactor
from agiwo.engine.start import new_run
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import Tasks
from agiwo.errors import Conflict, EffectFailed
from agiwo.schema.event import CHILD_SPAWNED, NewEvent
from agiwo.schema.record import Batch, Change, Entry, Record, Session, State, StateChange
from agiwo.schema.run import RunSpec
from agiwo.schema.trace_context import TraceContext

Read = Callable[[str], Awaitable[Cursor]]
"""Gives a reader of a run that is recorded."""


class Intake:
    """Where runs begin, those that are submitted and those that other runs spawn."""

    def __init__(
        self,
        programs: Programs,
        storage: Storage,
        clock: Clock,
        redactor: Redactor,
        tasks: Tasks,
        feeds: Feeds,
        driver: Driver,
        read: Read,
    ) -> None:
        self._programs, self._storage, self._clock, self._redactor = programs, storage, clock, redactor
        self._tasks, self._feeds, self._driver, self._read = tasks, feeds, driver, read
        self._journal = storage.journal
        self._submits: dict[str, asyncio.Task[Cursor]] = {}
        # Sessions that are being created: creating one twice would lose where its history ends.
        self._new_sessions: set[str] = set()

    # Runs that are submitted

    async def start(self, spec: RunSpec, run: str | None, changes: Sequence[StateChange]) -> Cursor:
        """As `EmbeddedEngine.start`."""
        id = run or ids.fresh("run")
        if run and await self._journal.run(run):
            return await self._read(run)
        submit = self._submits[id] = self._tasks.start(self._submit(id, spec, changes), f"{id} submit")
        submit.add_done_callback(lambda done: self._submits.pop(id, None))
        # A caller that goes away in the middle must not leave a run that is recorded and that nobody drives.
        await asyncio.wait({submit})
        if submit.cancelled():
            raise Conflict("the engine was closed before the run was recorded")
        return submit.result()

    async def settled(self, run: str) -> None:
        """Return when the run is recorded or refused, if it is being submitted."""
        if submit := self._submits.get(run):
            await asyncio.wait({submit})

    async def _submit(self, id: str, spec: RunSpec, changes: Sequence[StateChange]) -> Cursor:
        spec = self._without_secrets(spec)
        batch, session = await self._new_run(id, spec)
        try:
            records = await self._storage.append_now(*session, batch, *changes)
        except Conflict:
            if await self._journal.run(id):
                return await self._read(id)
            raise
        finally:
            self._new_sessions.discard(spec.session)
        return await self._admit(batch, spec, records)

    async def _new_run(self, id: str, spec: RunSpec) -> tuple[Batch, list[Change]]:
        """What to append for a new run, and for its session when that is new too."""
        at, program = self._clock.now(), self._programs.find(spec)
        batch = new_run(id, spec, program.version if program else None, at)
        if await self._journal.session(spec.session) or spec.session in self._new_sessions:
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
        cursor = Cursor(feed, self._journal, self._clock.now)
        self._driver.lineage.join(batch.run, spec.parent)
        self._driver.take_on(head, spec, own, feed)
        return cursor

    # Runs that others spawn

    async def spawn(self, execution: Execution, operation: Operation, spec: RunSpec) -> str | None:
        """Create the child, its state and the record of it in one commit.

        Gives its id; None when an interruption was first, or when its state is another agent's, which is recorded.
        """
        self._refuse_deadlock(execution, spec)
        child = ids.derived("run", execution.id, operation.key)
        trace = spec.trace or TraceContext.of_step(execution.id, execution.spec.trace, operation.key).header
        spec = replace(spec, parent=execution.id, depth=execution.spec.depth + 1, trace=trace)
        spec = self._without_secrets(spec)
        while True:
            try:
                state = await self._state_of(child, spec, execution)
            except EffectFailed as error:
                await self._refuse(execution, operation, error)
                return None
            batch, session = await self._new_run(child, spec)
            try:
                if not (operation.is_spawning or operation.settle()):
                    return None
                operation.is_spawning = True
                await self._record(execution, operation, spec, batch, [*session, *state])
                break
            except Conflict:
                if not await self._has_moved(state):
                    raise
            finally:
                self._new_sessions.discard(spec.session)
        await self._admit(batch, spec, await self._journal.load(child))
        return child

    async def _record(
        self, execution: Execution, operation: Operation, spec: RunSpec, child: Batch, changes: Sequence[Change]
    ) -> None:
        told = {"runId": child.run, "agentId": spec.agent, "sessionId": spec.session}
        told |= {} if spec.state is None else {"stateId": spec.state}
        data = {"digest": operation.digest, "value": child.run}
        own = Entry(SPAWN, data, self._clock.now(), operation.key, public=False)
        spawned = execution.entry(NewEvent(CHILD_SPAWNED, told))
        await execution.commit(spawned, own, extra=(*changes, child))

    def _refuse_deadlock(self, execution: Execution, spec: RunSpec) -> None:
        """Runs of one session go one after the other, so a child in a session above it would never start."""
        for run in self._driver.lineage.upwards(execution.id):
            if self._driver.session(run) == spec.session:
                raise Conflict(f"a child run needs another session than run {run} above it, {spec.session!r}")

    async def _state_of(self, child: str, spec: RunSpec, execution: Execution) -> list[StateChange]:
        """What makes the state that a child works for, if it works for one.

        Raises:
            EffectFailed: there is such a state, and it is not the parent's to replace.
        """
        if spec.state is None:
            return []
        above, at, found = execution.spec.state, self._clock.now(), await self._journal.state(spec.state)
        if found:
            await self._refuse_foreign(found, above)
        state = State(spec.state, spec.agent, spec.session, child, at, at, above, spec.depth)
        return [StateChange(state, found.version if found else 0)]

    async def _refuse_foreign(self, found: State, above: str | None) -> None:
        if above is None or found.parent != above:
            raise EffectFailed("conflict", f"there is another agent with the id {found.id!r}")
        head = await self._journal.run(found.run)
        if head and not head.status.is_terminal:
            raise EffectFailed("conflict", f"the agent {found.id!r} is still at work")

    async def _has_moved(self, changes: Sequence[StateChange]) -> bool:
        """Whether one of the states is not any more as it was found."""
        there = [(change, await self._journal.state(change.state.id)) for change in changes]
        return any((state.version if state else 0) != change.expect for change, state in there)

    async def _refuse(self, execution: Execution, operation: Operation, error: EffectFailed) -> None:
        if operation.is_spawning or operation.settle():
            data = {"digest": operation.digest, "error": failure(error)}
            await execution.commit(Entry(STEP_FAILED, data, self._clock.now(), operation.key, public=False))
            execution.conclude(operation)
