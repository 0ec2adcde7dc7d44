"""When a server that has failed is started again, and when it is given up. Pure, but for chance."""

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Final

_CALM: Final = 60.0
"""Seconds of life after which an end is the first of its kind again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The pause before a new start: `first` seconds, twice as long each time, some of it by chance.

    It is at most `longest`; at most `brief` for a server that had come to run: somebody may be waiting for it. One that
    has not come to run `failures` times within `window` seconds is given up, unless that is None.
    """

    first: float = 1.0
    longest: float = 60.0
    brief: float = 5.0
    failures: int | None = 5
    window: float = 300.0


@dataclass
class Setbacks:
    """The failures of one server."""

    pace: Pace
    _at: deque[float] = field(default_factory=deque[float])
    _in_a_row: int = 0

    def add(self, now: float, lived: float | None) -> float | None:
        """The pause after one more failure, of a server that `lived` so long, or has not come to run; None to end."""
        self._in_a_row = 1 if lived is not None and lived >= _CALM else self._in_a_row + 1
        if lived is None and self._is_enough(now):
            return None
        longest = self.pace.longest if lived is None else min(self.pace.brief, self.pace.longest)
        # Half of it by chance: servers that failed together are not to begin together.
        return min(longest, self.pace.first * 2 ** min(self._in_a_row - 1, 16)) * random.uniform(0.5, 1.0)

    def _is_enough(self, now: float) -> bool:
        self._at.append(now)
        while self._at[0] < now - self.pace.window:
            self._at.popleft()
        return self.pace.failures is not None and len(self._at) >= self.pace.failures

    def forget(self) -> None:
        """Begin anew, because somebody asked for it."""
        self._at.clear()
        self._in_a_row = 0
