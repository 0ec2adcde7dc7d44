"""How runs are stopped: the wish is recorded for all of them in one commit, then they end, the leaves first."""

import asyncio
from collections.abc import Sequence
from itertools import groupby

from agiwo.durable import CancelScope
from agiwo.engine.driver import Driver
from agiwo.engine.execution import GRACE, Execution
from agiwo.engine.operation import Operation
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import Tasks
from agiwo.schema.record import Batch, Entry
from agiwo.schema.run import RunStatus

Stop = tuple[Execution, list[Entry], list[Operation]]
"""A run that is to be stopped, what says so in its journal, and the operations that end with it."""


class Stopping:
    """Stops runs that this process drives."""

    def __init__(self, storage: Storage, driver: Driver, tasks: Tasks) -> None:
        self._storage, self._driver, self._tasks = storage, driver, tasks

    async def cancel(self, execution: Execution, reason: str, scope: CancelScope) -> None:
        """Record the wish and see to it; returns once it is recorded.

        Raises:
            StorageError: the store refuses writes; the wish stands, and is recorded when it takes them.
        """
        tree = execution.tree() if scope == "tree" else [execution]
        if going := [each for each in tree if not each.ending and not each.is_cancelled]:
            stops = [(each, *each.interrupt("cancel", reason or "cancelled", scope)) for each in going]
            wish = self._tasks.start(self._interrupt(stops), f"{execution.id} interruption")
            for each in going:
                each.wish = wish
        if execution.wish:
            await self._storage.done(execution.wish)

    async def _interrupt(self, stops: Sequence[Stop]) -> None:
        """Record the interruptions in one commit, then see to them."""
        batches = [Batch(execution.id, tuple(entries), RunStatus.CANCELLING) for execution, entries, _ in stops]
        records = await self._storage.append(*batches)
        for execution, _, _ in stops:
            execution.status = RunStatus.CANCELLING
            execution.recall(records)
        self._tasks.start(self._stop(stops), f"{stops[0][0].id} stop")

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
