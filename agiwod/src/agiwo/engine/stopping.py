"""How runs are stopped: the wish is recorded for all of them in one commit, then they end, the leaves first."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

from agiwo.clock import Clock
from agiwo.durable import CancelScope
from agiwo.engine.driver import Driver
from agiwo.engine.execution import GRACE, Execution
from agiwo.engine.interruption import CANCEL, SHUTDOWN, Interruptions
from agiwo.engine.operation import Operation
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import Tasks
from agiwo.failpoint import reach
from agiwo.schema.record import Batch, Entry, Record
from agiwo.schema.run import RunStatus

_AT_ONCE = 64
"""Parked runs that are stopped at the same time: they are whole then, and a thousand of them are large."""


@dataclass(slots=True)
class Stop:
    """A run that is to be stopped, what says so in its journal, and the operations that end with it.

    A parked one has no `execution`. `depth` counts the runs above it that are not over.
    """

    run: str
    depth: int
    entries: Sequence[Entry]
    execution: Execution | None = None
    settled: Sequence[Operation] = field(default_factory=list[Operation])


Then = Callable[[Sequence[Stop]], Coroutine[Any, Any, None]]
"""What is done once the interruptions are recorded."""


class Stopping:
    """Stops runs that this process drives."""

    def __init__(self, storage: Storage, driver: Driver, tasks: Tasks, clock: Clock) -> None:
        self._storage, self._driver, self._tasks, self._clock = storage, driver, tasks, clock

    async def cancel(self, run: str, reason: str, scope: CancelScope) -> bool:
        """Record the wish and see to it; returns once it is recorded. Who is parked stays so until then.

        False when the run had come to its end by then.

        Raises:
            StorageError: the store refuses writes; the wish stands, and is recorded when it takes them.
        """
        async with self._driver.steady(partial(self._runs, run, scope)) as runs:
            going = [each for each in runs if not self._is_cancelled(each)]
            stops = [self._cancelled(each, reason or "cancelled", scope) for each in going]
            wish, was_going = self._begin(run, stops, RunStatus.CANCELLING, self._stop), run in runs
        await self._recorded(wish)
        return was_going

    def _is_cancelled(self, run: str) -> bool:
        execution = self._driver.executions.get(run)
        return execution.interruptions.is_cancelled if execution else self._driver.parking.wish(run) is not None

    def _cancelled(self, run: str, reason: str, scope: CancelScope) -> Stop:
        if execution := self._driver.executions.get(run):
            return self._interrupted(execution, CANCEL, reason, scope)
        wish = Interruptions().begin(CANCEL, reason, scope, self._clock.now())
        return Stop(run, self._driver.lineage.depth(run), [wish])

    def _interrupted(self, execution: Execution, cause: str, reason: str, scope: CancelScope) -> Stop:
        entries, settled = execution.interrupt(cause, reason, scope)
        return Stop(execution.id, self._driver.lineage.depth(execution.id), entries, execution, settled)

    async def shut_down(self, run: str, reason: str, scope: CancelScope) -> None:
        """Record that a run is to rest no more, and wake it if it does; returns once that is recorded.

        Raises:
            StorageError: as `cancel`; or one that is parked cannot be read.
        """
        runs = partial(self._runs, run, scope) if scope == "tree" else partial(self._driver.team, run)
        async with self._driver.awake(runs) as executions:
            going = [each for each in executions if each.interruptions.latest is None]
            stops = [self._interrupted(each, SHUTDOWN, reason or "shut down", scope) for each in going]
            wish = self._begin(run, stops, RunStatus.RUNNING, self._wake)
        await self._recorded(wish)

    def _runs(self, run: str, scope: CancelScope) -> Sequence[str]:
        return self._driver.lineage.tree(run) if scope == "tree" else [run]

    def _begin(self, run: str, stops: Sequence[Stop], status: RunStatus, then: Then) -> asyncio.Task[None] | None:
        """Begin to record the interruptions; gives what records the latest one of this run."""
        if stops:
            wish = self._tasks.start(self._interrupt(stops, status, then), f"{run} interruption")
            for stop in stops:
                if stop.execution:
                    stop.execution.wish = wish
                else:
                    self._driver.parking.interrupt(stop.run, wish)
        execution = self._driver.executions.get(run)
        return execution.wish if execution else self._driver.parking.wish(run)

    async def _recorded(self, wish: asyncio.Task[None] | None) -> None:
        if wish:
            await self._storage.done(wish)

    async def _interrupt(self, stops: Sequence[Stop], status: RunStatus, then: Then) -> None:
        """Record the interruptions in one commit, then see to them."""
        # A run that works on stays what it is.
        moved = {stop.run for stop in stops if stop.settled or status == RunStatus.CANCELLING}
        batches = [Batch(each.run, tuple(each.entries), status if each.run in moved else None) for each in stops]
        records = defaultdict[str, list[Record]](list)
        for record in await self._storage.append(*batches):
            records[record.run].append(record)
        reach("cancel/recorded")
        for execution in filter(None, [stop.execution for stop in stops]):
            execution.recall(records[execution.id])
            if execution.id in moved:
                execution.status, execution.wake = status, None
        self._tasks.start(then(stops), f"{stops[0].run} stop")

    async def _wake(self, stops: Sequence[Stop]) -> None:
        """Let the runs that slept say their last word."""
        going = [(stop.execution, stop.settled) for stop in stops if stop.execution]
        for execution, settled in going:
            if settled:
                execution.sum_up()
        await asyncio.gather(*(execution.stop(settled) for execution, settled in going))

    async def _stop(self, stops: Sequence[Stop]) -> None:
        """Stop the leaves first, so that each run still hears of those that it spawned."""
        by_depth = sorted(stops, key=_depth, reverse=True)
        for _, level in groupby(by_depth, key=_depth):
            together = list(level)
            await self._stop_whole(together)
            await self._stop_parked([stop.run for stop in together if stop.execution is None])

    async def _stop_whole(self, stops: Sequence[Stop]) -> None:
        whole = [(stop.execution, stop.settled) for stop in stops if stop.execution]
        await _wait(await asyncio.gather(*(self._stop_run(*each) for each in whole)), GRACE)

    async def _stop_parked(self, runs: Sequence[str]) -> None:
        """Have them whole: then they find that they are to end. The end of one below may have woken some of them."""
        parking, executions = self._driver.parking, self._driver.executions
        ending: list[asyncio.Task[None] | None] = []
        for begin in range(0, len(runs), _AT_ONCE):
            some = runs[begin : begin + _AT_ONCE]
            await _wait([parking.wake(run) for run in some if run in parking])
            await _wait(ending, GRACE)  # while these were read, those before them came to their end
            ending = [executions[run].task for run in some if run in executions]
        await _wait(ending, GRACE)

    async def _stop_run(self, execution: Execution, settled: Sequence[Operation]) -> asyncio.Task[None] | None:
        """Stop what the run does; gives the task that comes to its end with that, unless the run has."""
        await execution.stop(settled)
        task = execution.task
        if task and not task.done() and (execution.is_looping or execution.ending):
            return task
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._driver.end_idle(execution)
        return None


async def _wait(tasks: Sequence[asyncio.Task[None] | None], seconds: float | None = None) -> None:
    if present := [task for task in tasks if task]:
        await asyncio.wait(present, timeout=seconds)


def _depth(stop: Stop) -> int:
    return stop.depth
