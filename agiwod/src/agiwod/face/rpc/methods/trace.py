"""trace/…: what runs did, as spans."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from agiwo.observability import Span, TraceQuery
from agiwo_protocol import trace

from agiwod.face.rpc import spans
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.runtime.traces import Asked

_GRAIN: Final = 1e-6
"""Seconds that a time loses on the wire: a trace that began at a time of the wire fits that time."""

_PLENTY: Final = 1_000_000
"""Characters of what was said behind which a page of spans ends."""


@methods.on(trace.LIST)
async def list_traces(connection: Connection, params: trace.ListParams) -> trace.ListResult:
    """The traces that fit, newest first."""
    query = TraceQuery(
        agent_id=params.agent_id,
        session_id=params.session_id,
        user_id=params.user_id,
        status=params.status,
        start_time=_seconds(params.start_time, -_GRAIN),
        end_time=_seconds(params.end_time, _GRAIN),
        min_duration_ms=params.min_duration_ms,
        max_duration_ms=params.max_duration_ms,
        limit=params.limit,
    )
    found = await connection.daemon.traces.list(query, params.cursor)
    cursor = found[-1].run_id if len(found) == params.limit else None
    return trace.ListResult(traces=[spans.trace_object(each) for each in found], next_cursor=cursor)


def _seconds(moment: str | None, grain: float) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp() + grain


@methods.on(trace.GET)
async def get_trace(connection: Connection, params: trace.GetParams) -> trace.GetResult:
    """One trace, with a page of its spans."""
    asked = Asked(params.trace_id, params.run_id, params.content, params.seq)
    found, page = await connection.daemon.traces.get(asked, params.after, params.limit)
    return trace.GetResult(trace=spans.trace_object(found), spans=_told(page), total=len(found.spans))


def _told(page: Sequence[Span]) -> list[trace.Span]:
    """The spans, as many as fit a message: what was said may be long, and the next page goes on behind them."""
    told: list[trace.Span] = []
    letters = 0
    for span in page:
        told.append(spans.span_object(span))
        letters += sum(len(value) for value in told[-1].attributes.values() if isinstance(value, str))
        if letters > _PLENTY:
            break
    return told
