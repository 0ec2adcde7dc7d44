"""Points in time at equal distances, at which an agent wants to be woken. Pure: it is told what time it is."""

from math import floor


class Period:
    """Begins with the first sleep; each sleep ends at the next point, however long the agent was at work meanwhile.

    Points that went by while it was at work are left out. It `lasts` so many seconds, or for ever.
    """

    def __init__(self, seconds: float, begins: float, lasts: float | None = None) -> None:
        self.seconds, self._begins = seconds, begins
        self._ends = None if lasts is None else begins + lasts
        self._point = 0
        self.is_over = False

    def next(self, now: float) -> float:
        """The seconds until the next point, or until the end when that comes before."""
        # The last point itself never comes again, whatever rounding makes of the time.
        self._point = max(self._point, floor((now - self._begins) / self.seconds)) + 1
        due = self._begins + self._point * self.seconds
        if self._ends is not None and due > self._ends:
            self.is_over, due = True, self._ends
        return max(0.0, due - now)
