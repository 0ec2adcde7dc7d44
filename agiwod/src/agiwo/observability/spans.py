"""The spans of one run while they are made: which are under way, each with its id and its place. Reads nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agiwo.observability.trace import Span, SpanKind, SpanStatus
from agiwo.schema.trace_context import AGENT, span_id

CUT = "agiwo.cut"
"""The attribute that tells what cut a span off: a `sleep` or a `restart`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run's spans stand: in which trace, below which span, how many agents deep."""

    run: str
    trace_id: str
    parent: str | None
    depth: int


class Spans:
    """The spans of a run that are under way, by their keys, the outermost first.

    A cut ends all of them; those that go on get the next part of their key, and a link to the part before. All parts of
    the run's own span stand below its first one, so that a trace is one tree.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._open: dict[str, Span] = {}
        self._parts: dict[str, int] = {}
        self._cut: dict[str, Span] = {}

    def is_open(self, key: str) -> bool:
        """Whether a span is under way."""
        return key in self._open

    def begin(
        self,
        key: str,
        kind: SpanKind,
        name: str,
        start: float,
        attributes: Mapping[str, Any],
        *,
        above: str = AGENT,
        step: str | None = None,
    ) -> None:
        """Begin a span, below the one that is under way under the key `above`; it goes on with one that was cut off."""
        place, before, outer = self._place, self._cut.pop(key, None), self._open.get(above)
        self._open[key] = Span(
            self._next_id(key) if before else span_id(place.run, key),
            place.trace_id,
            kind,
            name,
            max(start, outer.start_time) if outer else start,
            parent_span_id=place.parent if key == AGENT else outer.span_id if outer else span_id(place.run),
            depth=place.depth,
            attributes=attributes,
            run_id=place.run,
            step_id=step,
            links=(before.span_id,) if before else (),
        )

    def forget(self, key: str) -> None:
        """Do not go on with a span that was cut off."""
        self._cut.pop(key, None)

    def begin_again(self, key: str, start: float) -> None:
        """Have a span begin later than it was thought to."""
        self._open[key] = replace(self._open[key], start_time=start)

    def end(self, key: str, at: float, status: SpanStatus, **ending: Any) -> Span:
        """End a span; its `attributes` are added to those it has."""
        begun = self._open.pop(key)
        # Written out: `dataclasses.replace` costs as much as all the rest that is done for a span.
        return Span(
            begun.span_id,
            begun.trace_id,
            begun.kind,
            begun.name,
            begun.start_time,
            max(at, begun.start_time),
            begun.parent_span_id,
            status,
            depth=begun.depth,
            attributes={**begun.attributes, **ending.pop("attributes", {})},
            run_id=begun.run_id,
            step_id=begun.step_id,
            links=begun.links,
            **ending,
        )

    def end_all(self, at: float, status: SpanStatus, **attributes: Any) -> list[Span]:
        """End what is under way, the innermost first, but not the run's own span."""
        keys = [key for key in reversed(self._open) if key != AGENT]
        return [self.end(key, at, status, attributes=attributes) for key in keys]

    def cut(self, at: float, cause: str) -> list[Span]:
        """End everything for a while."""
        self._cut |= self._open
        ended = self.end_all(at, SpanStatus.UNSET, **{CUT: cause})
        own = [self.end(AGENT, at, SpanStatus.UNSET, attributes={CUT: cause})] if AGENT in self._open else []
        return [*ended, *own]

    def go_on(self, at: float) -> None:
        """Begin the next parts of what was cut off."""
        for key, before in self._cut.items():
            parent = span_id(self._place.run) if key == AGENT else self._next_parent(before)
            next_id, links = self._next_id(key), (before.span_id,)
            self._open[key] = replace(before, span_id=next_id, start_time=at, parent_span_id=parent, links=links)
        self._cut.clear()

    def open(self) -> list[Span]:
        """The spans that are under way."""
        return list(self._open.values())

    def _next_id(self, key: str) -> str:
        part = self._parts[key] = self._parts.get(key, 1) + 1
        return span_id(self._place.run, f"{key}#{part}")

    def _next_parent(self, before: Span) -> str | None:
        """The part that goes on with the span that this one was in."""
        following = (each.span_id for each in self._open.values() if before.parent_span_id in each.links)
        return next(following, before.parent_span_id)
