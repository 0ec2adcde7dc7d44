"""When a server that has failed is started again, and when it is given up. Pure, but for chance."""

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Final

_CALM: Final = 60.0
"""Seconds of life after which an end is the first of its kind again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The pause before a new start: `first` seconds, twice as long each time, at most `longest`; some of it by chance.

    With `failures` of them within `window` seconds the server is given up, unless it is None.
    """

    first: float = 1.0
    longest: float = 60.0
    failures: int | None = 5
    window: float = 300.0


@dataclass
class Setbacks:
    """The failures of one server."""

    pace: Pace
    _at: deque[float] = field(default_factory=deque[float])
    _in_a_row: int = 0

    def add(self, now: float, lived: float) -> float | None:
        """The pause after one more failure, of a server that had `lived` so long; None when it is given up."""
        self._in_a_row = 1 if lived >= _CALM else self._in_a_row + 1
        self._at.append(now)
        while self._at[0] < now - self.pace.window:
            self._at.popleft()
        if self.pace.failures is not None and len(self._at) >= self.pace.failures:
            return None
        # Half of it by chance: servers that failed together are not to begin together.
        return min(self.pace.longest, self.pace.first * 2 ** min(self._in_a_row - 1, 16)) * random.uniform(0.5, 1.0)

    def forget(self) -> None:
        """Begin anew, because somebody asked for it."""
        self._at.clear()
        self._in_a_row = 0
