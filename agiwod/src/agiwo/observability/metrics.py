"""Numbers of what happened, counted in memory as it happens and read when somebody asks. Sends and writes nothing."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, Literal

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""The bounds that the conventions want for how long models and tools take."""

QUICK: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Bounds for what takes no time when all is well."""

_MOST: Final = 1000
"""Sets of values that one number is kept apart for: models invent names of tools, and each would stay for ever."""

_OTHER: Final = "_other"

Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class About:
    """What a number is: its name and unit as OpenTelemetry has them, a sentence, and by what it is kept apart."""

    name: str
    unit: str
    sentence: str
    labels: Values = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A number for one set of values of the labels."""

    values: Values
    number: float


@dataclass(frozen=True, slots=True)
class Spread:
    """How numbers are spread, for one set of values: how many lie below each bound and above the last."""

    values: Values
    counts: Sequence[int]
    sum: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Reading:
    """All of one number at one moment; with `bounds` it is one of spreads, which are Prometheus's histograms."""

    about: About
    kind: Literal["counter", "gauge", "histogram"]
    points: Sequence[Point] = ()
    spreads: Sequence[Spread] = ()
    bounds: Sequence[float] = ()


class Counter:
    """A number that only grows."""

    def __init__(self, about: About) -> None:
        self.about = about
        self._numbers: dict[Values, float] = {}

    def add(self, amount: float, *values: str) -> None:
        """Add to the number for these values of the labels."""
        place = _place(values, self._numbers)
        self._numbers[place] = self._numbers.get(place, 0) + amount

    def read(self) -> Reading:
        """The number as it stands."""
        return Reading(self.about, "counter", [Point(values, number) for values, number in self._numbers.items()])


@dataclass(slots=True)
class _Heap:
    """Numbers for one set of values, by their sizes."""

    counts: list[int]
    sum: float = 0.0
    least: float = inf
    most: float = -inf


class Histogram:
    """How many numbers there were of which size."""

    def __init__(self, about: About, bounds: Sequence[float] = SECONDS) -> None:
        self.about, self._bounds = about, tuple(bounds)
        self._heaps: dict[Values, _Heap] = {}

    def add(self, number: float, *values: str) -> None:
        """Take a number for these values of the labels."""
        heap = self._heaps.get(place := _place(values, self._heaps))
        if heap is None:
            heap = self._heaps[place] = _Heap([0] * (len(self._bounds) + 1))
        heap.counts[bisect_left(self._bounds, number)] += 1
        heap.sum += number
        heap.least, heap.most = min(heap.least, number), max(heap.most, number)

    def read(self) -> Reading:
        """What came so far."""
        spreads = [
            Spread(values, tuple(heap.counts), heap.sum, heap.least, heap.most) for values, heap in self._heaps.items()
        ]
        return Reading(self.about, "histogram", spreads=spreads, bounds=self._bounds)


class Gauge:
    """A number that is looked at when it is asked for."""

    def __init__(self, about: About, look: Callable[[], Mapping[Values, float]]) -> None:
        self.about, self._look = about, look

    def read(self) -> Reading:
        """The number at this moment."""
        return Reading(self.about, "gauge", [Point(values, number) for values, number in self._look().items()])


def _place(values: Values, known: Mapping[Values, object]) -> Values:
    if values in known or len(known) < _MOST:
        return values
    return (_OTHER,) * len(values)
