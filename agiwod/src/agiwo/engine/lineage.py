"""Which unfinished run stands below which. Knows runs by their ids alone."""

from collections.abc import Iterator


class Lineage:
    """Every run that is not over, and the nearest run above it that is not over either."""

    def __init__(self) -> None:
        self._runs: set[str] = set()
        self._above: dict[str, str] = {}
        # Dictionaries as sets that keep the order in which the runs came.
        self._below: dict[str, dict[str, None]] = {}

    def __contains__(self, run: str) -> bool:
        return run in self._runs

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def join(self, run: str, above: str | None) -> None:
        """Take up a run, below another one or none."""
        self._runs.add(run)
        if above in self._runs:
            self._above[run] = above
            self._below.setdefault(above, {})[run] = None

    def leave(self, run: str) -> None:
        """Forget a run that is over; those below it stand below the one above it from now on."""
        self._runs.discard(run)
        above = self._above.pop(run, None)
        if above:
            self._remove(run, above)
        for child in self._below.pop(run, ()):
            self._above.pop(child)
            self.join(child, above)

    def above(self, run: str) -> str | None:
        """The nearest unfinished run above."""
        return self._above.get(run)

    def upwards(self, run: str) -> Iterator[str]:
        """The run, and all above it, the nearest first."""
        above: str | None = run
        while above:
            yield above
            above = self._above.get(above)

    def depth(self, run: str) -> int:
        """How many unfinished runs are above it."""
        return sum(1 for _ in self.upwards(run)) - 1

    def tree(self, run: str) -> list[str]:
        """The run and all below it, each before those below it."""
        found = [run]
        for each in found:
            found += self._below.get(each, ())
        return found

    def _remove(self, run: str, above: str) -> None:
        below = self._below[above]
        del below[run]
        if not below:
            del self._below[above]
