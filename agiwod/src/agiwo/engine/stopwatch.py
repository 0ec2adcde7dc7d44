"""Counts the active time of a run: not while it waits, sleeps, is suspended, or its process is gone. No I/O."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

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
    """Calls `on_limit` once the active time reaches `limit` seconds (None: never).

    It counts while its own run works, or one that is linked to it: time is counted once, however many do.
    """

    def __init__(self, clock: Clock, limit: float | None, on_limit: Callable[[], None], used: float = 0.0) -> None:
        self._clock, self._limit, self._on_limit = clock, limit, on_limit
        self._used = used
        self._since: float | None = None
        self._timer: Timer | None = None
        self._at_work: set[Stopwatch] = set()
        self._above: Stopwatch | None = None

    @property
    def is_linked(self) -> bool:
        """Whether another one counts with this one."""
        return self._above is not None

    def go(self) -> None:
        """Count from now on."""
        self._begin(self)

    def hold(self) -> None:
        """Stop counting until the next `go`, unless a linked one goes on."""
        self._end(self)

    def retire(self) -> None:
        """Stop counting for good, and let go of who is called: else only a collection of garbage frees a run."""
        self.hold()
        self._on_limit = _nothing

    @contextmanager
    def linked(self, above: "Stopwatch") -> Generator[None]:
        """Have `above` count too, meanwhile, whenever this one counts."""
        self._above = above
        if self._at_work:
            above._begin(self)
        try:
            yield
        finally:
            self._above = None
            above._end(self)

    def restart(self) -> None:
        """Count from zero, as after a wake."""
        self._stop()
        self._used = 0.0
        if self._at_work:
            self._start()

    def allow(self, limit: float) -> None:
        """Count from zero to another limit, from now on."""
        self._limit = limit
        self._at_work.add(self)
        self.restart()

    def _begin(self, who: "Stopwatch") -> None:
        self._at_work.add(who)
        self._start()
        if self._above:
            self._above._begin(self)

    def _end(self, who: "Stopwatch") -> None:
        self._at_work.discard(who)
        if not self._at_work:
            self._stop()
            if self._above:
                self._above._end(self)

    def _start(self) -> None:
        if self._since is None:
            self._since = self._clock.now()
            if self._limit is not None:
                self._timer = self._clock.call_after(self._limit - self._used, self._on_limit)

    def _stop(self) -> None:
        if self._since is not None:
            self._used += max(0.0, self._clock.now() - self._since)
            self._since = None
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _nothing() -> None: ...
