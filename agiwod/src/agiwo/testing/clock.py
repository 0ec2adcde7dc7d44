"""Time for tests: it stands still until a test moves it. Not the system's clock."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count


@dataclass(order=True)
class _Due:
    when: float
    order: int
    call: Callable[[], object] | None = field(compare=False)

    def cancel(self) -> None:
        """Do not make the call."""
        self.call = None


class FrozenClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._due: list[_Due] = []
        self._order = count()

    def now(self) -> float:
        """The time at which the clock stands."""
        return self._now

    def call_at(self, when: float, call: Callable[[], object]) -> _Due:
        """Make `call` in the `advance` that reaches `when`; calls that are due already wait for the next one."""
        due = _Due(when, next(self._order), call)
        heapq.heappush(self._due, due)
        return due

    def call_after(self, seconds: float, call: Callable[[], object]) -> _Due:
        """Make `call` in the `advance` that reaches that time."""
        return self.call_at(self._now + seconds, call)

    def advance(self, seconds: float) -> None:
        """Move the clock, and make the calls that come due on the way, each at its own time and in order."""
        end = self._now + seconds
        while self._due and self._due[0].when <= end:
            due = heapq.heappop(self._due)
            self._now = max(self._now, due.when)
            if due.call is not None:
                due.call()
        self._now = end
