"""Runs that sleep: the newest are kept whole, of the others only what wakes them. Drives none."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

from agiwo.clock import Clock, Timer
from agiwo.engine.execution import Execution
from agiwo.engine.tasks import Tasks
from agiwo.journal.base import Journal
from agiwo.schema.event import TERMINAL_EVENTS
from agiwo.schema.record import Record, RunHead

WARM: Final = 64
"""Sleepers that are kept whole: who sleeps for a moment is not worth the reading of its records."""

_AGAIN = 5.0
"""Seconds after which a sleeper is woken again whose records could not be read."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Parked:
    """What stays of a run: its session, the runs that it waits for, how many of them are to end, and its deadline.

    `wish` is what records that it is to end.
    """

    session: str
    awaited: set[str]
    needed: int
    deadline: float | None
    timer: Timer | None = None
    wish: asyncio.Task[None] | None = None
    unwatch: Sequence[Callable[[], None]] = ()


class Parking:
    """Knows every run that sleeps and does nothing else.

    A parked run is made again by `rebuild` when it wakes or somebody wants it; `put_away` lets go of a whole one. All
    that decides whether a run may be parked, and what is watched for it then, happens in one turn of the event loop: no
    wake can get lost in between.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        tasks: Tasks,
        rebuild: Callable[[str], Coroutine[Any, Any, None]],
        put_away: Callable[[Execution], None],
        warm: int,
    ) -> None:
        self._journal, self._clock, self._tasks = journal, clock, tasks
        self._rebuild, self._put_away, self._room = rebuild, put_away, warm
        self._warm: dict[str, Execution] = {}
        self._parked: dict[str, _Parked] = {}
        self._waking: dict[str, asyncio.Task[None]] = {}
        self._pauses = 0

    def __contains__(self, run: str) -> bool:
        return run in self._parked

    def session(self, run: str) -> str:
        """The session of a parked run."""
        return self._parked[run].session

    # Going to sleep

    def fell_asleep(self, execution: Execution) -> None:
        """A run does nothing but sleep: the one that has slept longest may have to make room for it."""
        self._warm[execution.id] = execution
        self._make_room()

    def woke_up(self, execution: Execution) -> None:
        """A run that was kept whole sleeps no more."""
        if self._warm.get(execution.id) is execution:  # it may have been parked and made again meanwhile
            del self._warm[execution.id]

    @contextmanager
    def paused(self) -> Generator[None]:
        """Park nobody meanwhile."""
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            self._make_room()

    def _make_room(self) -> None:
        if self._pauses or len(self._warm) <= self._room:
            return
        for run in list(islice(self._warm, len(self._warm) - self._room)):
            execution = self._warm.pop(run)
            if sleep := execution.lone_sleep():
                awaited = sleep.unfinished
                parked = _Parked(execution.session, set(awaited), sleep.needed(awaited), sleep.deadline)
                self._put_away(execution)
                self._keep(run, parked)

    def park(self, head: RunHead, unfinished: Callable[[str], bool]) -> None:
        """Keep a run that sleeps as the index tells; `unfinished` tells which runs are still going."""
        assert head.wake
        wake, runs = head.wake, list[str](head.wake["runs"])
        awaited = {run for run in runs if unfinished(run)}
        needed = 1 if wake["mode"] == "any" else len(awaited)
        self._keep(head.run, _Parked(head.session, awaited, needed, wake["deadline"]))
        if runs and (not awaited or (wake["mode"] == "any" and len(awaited) < len(runs))):
            self.wake(head.run)

    def _keep(self, run: str, parked: _Parked) -> None:
        self._parked[run] = parked
        parked.unwatch = [self._journal.watch(each, partial(self._see, run, each)) for each in parked.awaited]
        if parked.deadline is not None:
            if parked.deadline <= self._clock.now():
                self.wake(run)
            else:
                parked.timer = self._clock.call_at(parked.deadline, partial(self.wake, run))

    # Waking

    def _see(self, run: str, awaited: str, records: Sequence[Record]) -> None:
        parked = self._parked.get(run)
        if parked and records[-1].type in TERMINAL_EVENTS and awaited in parked.awaited:
            parked.awaited.discard(awaited)
            parked.needed -= 1
            if not parked.needed:
                self.wake(run)

    def wake(self, run: str) -> asyncio.Task[None]:
        """Have a parked run whole again, sooner or later; gives the task that does it, or tried to."""
        task = self._wake(run)
        task.add_done_callback(partial(self._woken, run))
        return task

    def _woken(self, run: str, done: asyncio.Task[None]) -> None:
        if done.cancelled() or (error := done.exception()) is None:
            return
        log.error("run %s is to wake and cannot; it is tried again", run, exc_info=error)
        if parked := self._parked.get(run):
            parked.timer = self._clock.call_after(_AGAIN, partial(self.wake, run))

    async def awake(self, run: str) -> None:
        """Have a parked run whole again.

        Raises:
            StorageError: its records cannot be read; it stays parked.
        """
        await asyncio.shield(self._wake(run))

    def _wake(self, run: str) -> asyncio.Task[None]:
        if run not in self._waking:
            task = self._waking[run] = self._tasks.start(self._rebuild(run), f"{run} wake")
            task.add_done_callback(lambda done: self._waking.pop(run))
        return self._waking[run]

    def is_waking(self, run: str) -> bool:
        """Whether the run is just being made whole."""
        return run in self._waking

    # Ending

    def interrupt(self, run: str, wish: asyncio.Task[None]) -> None:
        """A parked run is to end, which `wish` records; it is not made whole before that is done."""
        self._parked[run].wish = wish

    def wish(self, run: str) -> asyncio.Task[None] | None:
        """What records that the run is to end, if it is parked and is to."""
        parked = self._parked.get(run)
        return parked and parked.wish

    def release(self, run: str) -> None:
        """Forget a parked run: from now on it is whole."""
        parked = self._parked.pop(run)
        if parked.timer:
            parked.timer.cancel()
        for stop in parked.unwatch:
            stop()

    def close(self) -> None:
        """Wake nobody any more."""
        for run in list(self._parked):
            self.release(run)
