"""How runs are stopped: the wish is recorded for all of them in one commit, then they end, the leaves first."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from agiwo.durable import CancelScope
from agiwo.engine.driver import Driver
from agiwo.engine.execution import GRACE, Execution
from agiwo.engine.interruption import CANCEL, SHUTDOWN
from agiwo.engine.operation import Operation
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import Tasks
from agiwo.schema.record import Batch, Entry, Record
from agiwo.schema.run import RunStatus

Stop = tuple[Execution, list[Entry], list[Operation]]
"""A run that is to be stopped, what says so in its journal, and the operations that end with it."""

Then = Callable[[Sequence[Stop]], Coroutine[Any, Any, None]]
"""What is done once the interruptions are recorded."""


class Stopping:
    """Stops runs that this process drives."""

    def __init__(self, storage: Storage, driver: Driver, tasks: Tasks) -> None:
        self._storage, self._driver, self._tasks = storage, driver, tasks

    async def cancel(self, run: str, reason: str, scope: CancelScope) -> None:
        """Record the wish and see to it; returns once it is recorded.

        Raises:
            StorageError: the store refuses writes; the wish stands, and is recorded when it takes them.
        """
        async with self._driver.awake(partial(self._runs, run, scope)) as executions:
            going = [each for each in executions if not each.interruptions.is_cancelled]
            stops = [(each, *each.interrupt(CANCEL, reason or "cancelled", scope)) for each in going]
            wish = self._begin(run, stops, RunStatus.CANCELLING, self._stop)
        await self._recorded(wish)

    async def shut_down(self, run: str, reason: str, scope: CancelScope) -> None:
        """Record that a run is to rest no more, and wake it if it does; returns once that is recorded.

        Raises:
            StorageError: as `cancel`.
        """
        runs = partial(self._runs, run, scope) if scope == "tree" else partial(self._driver.team, run)
        async with self._driver.awake(runs) as executions:
            going = [each for each in executions if each.interruptions.latest is None]
            stops = [(each, *each.interrupt(SHUTDOWN, reason or "shut down", scope)) for each in going]
            wish = self._begin(run, stops, RunStatus.RUNNING, self._wake)
        await self._recorded(wish)

    def _runs(self, run: str, scope: CancelScope) -> Sequence[str]:
        return self._driver.lineage.tree(run) if scope == "tree" else [run]

    def _begin(self, run: str, stops: Sequence[Stop], status: RunStatus, then: Then) -> asyncio.Task[None] | None:
        """Begin to record the interruptions; gives what records the latest one of this run."""
        if stops:
            wish = self._tasks.start(self._interrupt(stops, status, then), f"{run} interruption")
            for each, _, _ in stops:
                each.wish = wish
        execution = self._driver.executions.get(run)
        return execution and execution.wish

    async def _recorded(self, wish: asyncio.Task[None] | None) -> None:
        if wish:
            await self._storage.done(wish)

    async def _interrupt(self, stops: Sequence[Stop], status: RunStatus, then: Then) -> None:
        """Record the interruptions in one commit, then see to them."""
        # A run that works on stays what it is.
        moved = [each for each, _, settled in stops if settled or status == RunStatus.CANCELLING]
        batches = [Batch(each.id, tuple(entries), status if each in moved else None) for each, entries, _ in stops]
        records = defaultdict[str, list[Record]](list)
        for record in await self._storage.append(*batches):
            records[record.run].append(record)
        for execution, _, _ in stops:
            execution.recall(records[execution.id])
        for execution in moved:
            execution.status, execution.wake = status, None
        self._tasks.start(then(stops), f"{stops[0][0].id} stop")

    async def _wake(self, stops: Sequence[Stop]) -> None:
        """Let the runs that slept say their last word."""
        for execution, _, settled in stops:
            if settled:
                execution.sum_up()
        await asyncio.gather(*(execution.stop(settled) for execution, _, settled in stops))

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
        await self._driver.end_idle(execution)


def _depth(stop: Stop) -> int:
    return stop[0].spec.depth
