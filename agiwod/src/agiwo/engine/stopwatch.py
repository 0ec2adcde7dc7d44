"""Counts the active time of a run: not while it waits, sleeps, is suspended, or its process is gone. No I/O."""

from collections.abc import Callable, Sequence

from agiwo.clock import Clock, Timer
from agiwo.schema.event import RUN_RESUMED, RUN_STARTED, RUN_WOKEN
from agiwo.schema.record import Record

WAIT_INTENT = "wait/intent"
WAIT_OUTCOME = "wait/outcome"
SUSPENDED = "suspended"


def active_seconds(records: Sequence[Record]) -> float:
    """The active time that a run's records account for, since its start or its last wake."""
    active, last, is_going = 0.0, 0.0, False
    waiting: set[str | None] = set()
    for record in records:
        # Before these two the process may have been gone.
        if is_going and not waiting and record.type not in (RUN_RESUMED, SUSPENDED):
            active += max(0.0, record.at - last)
        if record.type in (RUN_STARTED, RUN_WOKEN):
            active = 0.0
        is_going = (is_going or record.type in (RUN_STARTED, RUN_RESUMED)) and record.type != SUSPENDED
        last = record.at
        if record.type == WAIT_INTENT:
            waiting.add(record.key)
        elif record.key:
            waiting.discard(f"{record.key}@")
    return active


class Stopwatch:
    """Calls `on_limit` once the active time reaches `limit` seconds (None: never)."""

    def __init__(self, clock: Clock, limit: float | None, on_limit: Callable[[], None], used: float = 0.0) -> None:
        self._clock, self._limit, self._on_limit = clock, limit, on_limit
        self._used = used
        self._since: float | None = None
        self._timer: Timer | None = None

    def go(self) -> None:
        """Count from now on."""
        if self._since is None:
            self._since = self._clock.now()
            if self._limit is not None:
                self._timer = self._clock.call_at(self._since + self._limit - self._used, self._on_limit)

    def hold(self) -> None:
        """Stop counting until the next `go`."""
        if self._since is not None:
            self._used += max(0.0, self._clock.now() - self._since)
            self._since = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def restart(self) -> None:
        """Count from zero, as after a wake."""
        running = self._since is not None
        self.hold()
        self._used = 0.0
        if running:
            self.go()

    def allow(self, limit: float) -> None:
        """Count from zero to another limit, from now on."""
        self.hold()
        self._limit, self._used = limit, 0.0
        self.go()
