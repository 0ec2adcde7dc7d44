"""Runs that other runs spawn: each recorded in one commit with its state and with the record of the spawn."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from agiwo import ids
from agiwo.clock import Clock
from agiwo.durable import STEP_FAILED
from agiwo.engine.births import Births, Index
from agiwo.engine.execution import Execution
from agiwo.engine.operation import SPAWN, Operation, failure
from agiwo.errors import Conflict, EffectFailed
from agiwo.failpoint import reach
from agiwo.schema.event import CHILD_SPAWNED, NewEvent
from agiwo.schema.record import Batch, Change, Entry, State, StateChange
from agiwo.schema.run import RunSpec
from agiwo.schema.trace_context import TraceContext

Above = Callable[[Execution], Iterable[tuple[str, str]]]
"""Gives a run and those above it that are not over, each with its session."""

Admit = Callable[[Batch, RunSpec], Awaitable[None]]
"""Takes on a child that is recorded."""


class Spawning:
    """Creates the children of runs."""

    def __init__(self, index: Index, births: Births, clock: Clock, above: Above, admit: Admit) -> None:
        self._index, self._births, self._clock = index, births, clock
        self._above, self._admit = above, admit

    async def spawn(self, execution: Execution, operation: Operation, spec: RunSpec) -> str | None:
        """Create the child, its state and the record of it in one commit.

        Gives its id; None when an interruption was first, or when its state is another agent's, which is recorded.
        """
        self._refuse_deadlock(execution, spec)
        child = ids.derived("run", execution.id, operation.key)
        trace = spec.trace or TraceContext.of_step(execution.id, execution.spec.trace, operation.key).header
        spec = replace(spec, parent=execution.id, depth=execution.spec.depth + 1, trace=trace)
        spec = self._births.without_secrets(spec)
        while True:
            try:
                state = await self._state_of(child, spec, execution)
            except EffectFailed as error:
                await self._refuse(execution, operation, error)
                return None
            batch, session = await self._births.new(child, spec)
            try:
                if not (operation.is_spawning or operation.settle()):
                    return None
                operation.is_spawning = True
                reach("spawn/before")
                await self._record(execution, operation, spec, batch, [*session, *state])
                reach("spawn/recorded")
                break
            except Conflict:
                if not await self._has_moved(state):
                    raise
            finally:
                self._births.settled(spec)
        await self._admit(batch, spec)
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
        for run, session in self._above(execution):
            if session == spec.session:
                raise Conflict(f"a child run needs another session than run {run} above it, {spec.session!r}")

    async def _state_of(self, child: str, spec: RunSpec, execution: Execution) -> list[StateChange]:
        """What makes the state that a child works for, if it works for one.

        Raises:
            EffectFailed: there is such a state, and it is not the parent's to replace.
        """
        if spec.state is None:
            return []
        above, at, found = execution.spec.state, self._clock.now(), await self._index.state(spec.state)
        if found:
            await self._refuse_foreign(found, above)
        state = State(spec.state, spec.agent, spec.session, child, at, at, above, spec.depth)
        return [StateChange(state, found.version if found else 0)]

    async def _refuse_foreign(self, found: State, above: str | None) -> None:
        if above is None or found.parent != above:
            raise EffectFailed("conflict", f"there is another agent with the id {found.id!r}")
        head = await self._index.run(found.run)
        if head and not head.status.is_terminal:
            raise EffectFailed("conflict", f"the agent {found.id!r} is still at work")

    async def _has_moved(self, changes: Sequence[StateChange]) -> bool:
        """Whether one of the states is not any more as it was found."""
        there = [(change, await self._index.state(change.state.id)) for change in changes]
        return any((state.version if state else 0) != change.expect for change, state in there)

    async def _refuse(self, execution: Execution, operation: Operation, error: EffectFailed) -> None:
        if operation.is_spawning or operation.settle():
            data = {"digest": operation.digest, "error": failure(error)}
            await execution.commit(Entry(STEP_FAILED, data, self._clock.now(), operation.key, public=False))
            execution.conclude(operation)
