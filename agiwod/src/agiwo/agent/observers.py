"""The observers of an engine's runs, one for each run whose agent has hooks that look on. Calls no hook itself."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

from agiwo.agent.observer import Observer
from agiwo.durable import Programs
from agiwo.engine.serving import ServingEngine
from agiwo.schema.record import RunHead
from agiwo.schema.stream import StreamEvent

log = logging.getLogger(__name__)

LINGER = 1.0
"""Seconds that somebody who waits for a run also waits for its hooks; what takes longer goes on behind them."""


class Observers:
    """Owns the observers. `observes` tells by the id of an agent whether it may have hooks that look on."""

    def __init__(self, programs: Programs, observes: Callable[[str], bool]) -> None:
        self._programs, self._observes = programs, observes
        self._by_run: dict[str, Observer] = {}

    def follow(self, engine: ServingEngine, head: RunHead) -> None:
        """Have the hooks look on at a run that the engine has just taken on."""
        if not self._observes(head.agent):
            return
        observer = self._by_run[head.run] = Observer(engine, head, self._programs)
        observer.task.add_done_callback(partial(self._over, head.run))

    def _over(self, run: str, done: asyncio.Task[None]) -> None:
        self._by_run.pop(run, None)
        if not done.cancelled() and (error := done.exception()):
            log.error("run %s: its hooks look on no more", run, exc_info=error)

    def of(self, run: str) -> Observer | None:
        """The run's observer, while it has something to do."""
        return self._by_run.get(run)

    async def close(self) -> None:
        """Let the hooks of runs that are over finish, not for long, and end the others."""
        observers = list(self._by_run.values())
        if not observers:
            return
        for observer in observers:
            observer.close()
        tasks = [observer.task for observer in observers]
        await asyncio.wait(tasks, timeout=LINGER)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=LINGER)


async def has_seen(observer: Observer | None) -> Sequence[StreamEvent]:
    """Wait, not for long, until a run that is over was looked at to its end; what went wrong after its last event."""
    if observer is None:
        return ()
    await asyncio.wait({observer.task}, timeout=LINGER)
    return observer.late
