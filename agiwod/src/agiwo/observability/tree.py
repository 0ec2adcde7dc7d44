"""A trace while it is made: the spans of a run and of all below it, in one fold. Reads no journal."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter

from agiwo.observability import semconv
from agiwo.observability.fold import RunFold
from agiwo.observability.trace import Span, SpanKind, SpanStatus, Trace
from agiwo.schema.event import CHILD_SPAWNED
from agiwo.schema.record import Record
from agiwo.schema.run import NOTHING, Usage
from agiwo.schema.trace_context import TraceContext, span_id


class TraceFold:
    """A run's tree, whose runs it has in the order of `walk`. Time and space grow with its records, and nothing else.

    Without `keep` it gives spans and keeps none that have ended, so its trace is only what goes on.
    """

    def __init__(self, run: str, *, capture: bool = False, keep: bool = True) -> None:
        self.run, self._captures, self._keeps = run, capture, keep
        self._folds = {run: RunFold(run, capture=capture)}
        self._order = [run]
        self._ended: list[Span] = []

    @property
    def above(self) -> TraceContext | None:
        """What the first run is a part of, as far as is known."""
        spec = self._folds[self.run].spec
        return TraceContext.parse(spec.trace) if spec else None

    @property
    def context(self) -> TraceContext:
        """Where the first run stands."""
        return self._folds[self.run].context

    def has_ended(self, run: str) -> bool:
        """Whether a run of the tree is over."""
        return self._folds[run].is_over

    def walk(self) -> Iterator[str]:
        """The runs of the tree, each behind the one that started it, and those too that are added meanwhile."""
        yield from self._order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, place: int) -> str:
        return self._order[place]

    def add(self, run: str, parent: str) -> None:
        """A run below one of the tree, for those that its parent has no record of."""
        if run not in self._folds:
            self._folds[run] = RunFold(run, self._folds[parent].context, capture=self._captures)
            self._order.append(run)

    def take(self, records: Iterable[Record]) -> list[Span]:
        """Take up the next records, of any runs of the tree; gives the spans that end with them."""
        ended: list[Span] = []
        for record in records:
            if fold := self._folds.get(record.run):
                ended += fold.take(record)
                if record.type == CHILD_SPAWNED:
                    self.add(record.data["runId"], record.run)
        if self._keeps:
            self._ended += ended
        return ended

    def trace(self) -> Trace | None:
        """The trace as it stands; None before anything is known of the run."""
        spec = self._folds[self.run].spec
        if spec is None:
            return None
        spans = [*self._ended, *(span for fold in self._folds.values() for span in fold.open())]
        spans = _in_order(spans)
        own = [span for span in spans if span.run_id == self.run and span.kind == SpanKind.AGENT]
        first, last = own[0], own[-1]
        summed = Trace(
            first.trace_id,
            self.run,
            spec.agent,
            spec.session,
            span_id(self.run),
            first.start_time,
            last.end_time if self._folds[self.run].is_over else None,
            last.status if self._folds[self.run].is_over else SpanStatus.RUNNING,
            spec.user_id,
            spans,
            max_depth=max(span.depth for span in spans) - spec.depth,
            input_query=last.input_preview,
            final_output=last.output_preview,
            schema_url=semconv.SCHEMA_URL,
        )
        return _with_sums(summed)


def _in_order(spans: Sequence[Span]) -> list[Span]:
    """The spans by their starts; of two that begin together the outer one first."""
    parents = {span.span_id: span.parent_span_id for span in spans}
    levels: dict[str | None, int] = {}
    for span in spans:
        way: list[str] = []
        above: str | None = span.span_id
        while above in parents and above not in levels:
            way.append(above)
            above = parents[above]
        for id in reversed(way):
            levels[id] = levels.get(parents[id], 0) + 1
    return sorted(spans, key=lambda span: (span.start_time, levels[span.span_id]))


def _with_sums(trace: Trace) -> Trace:
    calls = [span for span in trace.spans if span.kind == SpanKind.LLM_CALL]
    usage = sum((_usage(span) for span in calls), NOTHING)
    return replace(
        trace,
        total_input_tokens=usage.input_tokens,
        total_output_tokens=usage.output_tokens,
        total_cache_read_tokens=usage.cached_tokens,
        total_cache_creation_tokens=usage.cache_write_tokens,
        total_llm_calls=len(calls),
        total_tool_calls=sum(span.kind == SpanKind.TOOL_CALL and not span.links for span in trace.spans),
        cost_usd=usage.cost_usd,
        cost_basis=usage.cost_basis,
    )


def _usage(span: Span) -> Usage:
    told = span.metrics
    if not told:
        return NOTHING
    return Usage(
        told["tokens.input"],
        told["tokens.output"],
        told["tokens.cache_read"],
        cost_usd=told["cost_usd"],
        cost_basis=told["cost_basis"],
        cache_write_tokens=told["tokens.cache_creation"],
    )


def merged(traces: Sequence[Trace]) -> Trace | None:
    """One trace out of those of runs that are parts of the same trace of somebody else's; the first one leads."""
    if len(traces) < 2:
        return traces[0] if traces else None
    ordered = sorted(traces, key=attrgetter("start_time"))
    ends = [trace.end_time for trace in ordered]
    over = [end for end in ends if end is not None]
    spans = _in_order([span for trace in ordered for span in trace.spans])
    worst = max((trace.status for trace in ordered), key=_WORST.index)
    whole = replace(ordered[0], spans=spans, status=worst, max_depth=max(trace.max_depth for trace in ordered))
    return _with_sums(replace(whole, end_time=max(over) if len(over) == len(ends) else None))


_WORST = (SpanStatus.OK, SpanStatus.UNSET, SpanStatus.CANCELLED, SpanStatus.ERROR, SpanStatus.RUNNING)
