"""Where a moment of a trace is drawn on a line. Pure: knows times, and neither names nor letters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agiwo_protocol.trace import Span

from agiwod.cli.instant import seconds

_QUIET = ("sleep", "approval")
_WORK = ("llm_call", "tool_call", "retry")

_SHARE = 0.2
"""The part of the line that is left for all sleep together, when it would take more than half: what an agent did in
seconds should be seen, although it has slept for days."""

Stretch = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Knot:
    """A moment, and its place on a line of length 1."""

    at: float
    place: float


class TimeScale:
    """The line from the first start to the last end; what goes on ends `now`. `is_squeezed`: sleep is drawn short."""

    def __init__(self, spans: Sequence[Span], now: float) -> None:
        self.now = now
        self.start = min(seconds(span.start_at) for span in spans)
        self.end = max(self._end_of(span) for span in spans)
        quiet = self._quiet(spans)
        asleep = sum(end - start for start, end in quiet)
        self.is_squeezed = self.length > asleep > self.length / 2
        self._knots = self._bend(quiet, asleep) if self.is_squeezed else [_Knot(self.start, 0.0), _Knot(self.end, 1.0)]

    @property
    def length(self) -> float:
        """How long all of it took, in seconds."""
        return self.end - self.start

    def stretch(self, span: Span) -> Stretch:
        """When it began and ended, as seconds since the epoch."""
        return seconds(span.start_at), self._end_of(span)

    def place(self, at: float) -> float:
        """Where a moment is, between 0 and 1."""
        for before, after in pairwise(self._knots):
            if at <= after.at:
                share = (at - before.at) / (after.at - before.at) if after.at > before.at else 0.0
                return before.place + max(0.0, share) * (after.place - before.place)
        return 1.0

    def _end_of(self, span: Span) -> float:
        return max(seconds(span.start_at), self.now if span.end_at is None else seconds(span.end_at))

    def _quiet(self, spans: Sequence[Span]) -> list[Stretch]:
        """When somebody slept or waited, and nobody did anything."""
        above = {span.parent_span_id for span in spans}
        busy = _joined(self.stretch(span) for span in spans if span.kind in _WORK and span.span_id not in above)
        return _without(_joined(self.stretch(span) for span in spans if span.kind in _QUIET), busy)

    def _bend(self, quiet: Sequence[Stretch], asleep: float) -> list[_Knot]:
        awake, place, at = self.length - asleep, 0.0, self.start
        knots = [_Knot(at, place)]
        for start, end in quiet:
            place += (1 - _SHARE) * (start - at) / awake
            knots.append(_Knot(start, place))
            place += _SHARE * (end - start) / asleep
            knots.append(_Knot(end, place))
            at = end
        return [*knots, _Knot(self.end, 1.0)]


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same time in stretches that do not overlap, in their order."""
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _without(stretches: Sequence[Stretch], others: Sequence[Stretch]) -> list[Stretch]:
    """What of the stretches is in none of the others; both in order."""
    found: list[Stretch] = []
    place = 0
    for start, end in stretches:
        while place < len(others) and others[place][1] <= start:
            place += 1
        ahead = place
        while ahead < len(others) and others[ahead][0] < end:
            if others[ahead][0] > start:
                found.append((start, others[ahead][0]))
            start = max(start, others[ahead][1])
            ahead += 1
        if start < end:
            found.append((start, end))
    return found
