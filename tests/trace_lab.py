"""Traces in a lab: a run's tree as lines that a test can compare, and what must be true of every trace."""

from collections.abc import Callable

from agiwo.observability import Span, SpanStatus, Trace
from agiwo.observability.reading import read_trace
from agiwo.observability.tree import TraceFold
from engine_lab import Lab


async def trace_of(lab: Lab, run: str, *, capture: bool = False) -> Trace:
    """The run's trace, which is the same however its records come in."""
    await lab.settle()
    trace = await read_trace(lab.tape.journal, run, capture=capture)
    assert trace
    fold = TraceFold(run, capture=capture)
    ended: list[Span] = []
    for each in fold.walk():
        for record in await lab.records(each):
            ended += fold.take([record])
    assert fold.trace() == trace
    assert sorted(ended, key=_id) == sorted((span for span in trace.spans if span.end_time is not None), key=_id)
    check_trace(trace)
    return trace


def check_trace(trace: Trace) -> None:
    """Fail unless the spans are one tree, each once, none before its start, and only what goes on has no end."""
    ids = [span.span_id for span in trace.spans]
    assert len(set(ids)) == len(ids)
    outside = {span.parent_span_id for span in trace.spans} - set(ids)
    assert len(outside) == 1
    starts = {span.span_id: span.start_time for span in trace.spans}
    for span in trace.spans:
        assert span.start_time >= starts.get(span.parent_span_id or "", 0)
        assert span.trace_id == trace.trace_id
        assert (span.end_time is None) == (span.status == SpanStatus.RUNNING)
        assert span.end_time is None or span.end_time >= span.start_time
        assert set(span.links) <= set(ids)


def drawn(trace: Trace) -> list[str]:
    """A line a span: how deep, its name, how it ended, how long it took (ms), and why it failed."""
    return _drawn(trace, _told)


def drawn_names(trace: Trace) -> list[str]:
    """A line a span: how deep, and its name."""
    return _drawn(trace, lambda span: span.name)


def _drawn(trace: Trace, told: Callable[[Span], str]) -> list[str]:
    below: dict[str | None, list[Span]] = {}
    for span in trace.spans:
        below.setdefault(span.parent_span_id, []).append(span)
    root = next(span for span in trace.spans if span.span_id == trace.root_span_id)

    def lines(span: Span, indent: str) -> list[str]:
        own = f"{indent}{told(span)}"
        return [own, *(line for each in below.get(span.span_id, ()) for line in lines(each, f"{indent}  "))]

    return lines(root, "")


def _told(span: Span) -> str:
    took = "…" if span.duration_ms is None else f"{span.duration_ms:.0f}"
    why = [span.error_type] if span.error_type else []
    return " ".join([span.name, span.status, took, *why, *("goes on" for _ in span.links)])


def _id(span: Span) -> str:
    return span.span_id
