"""Traces and their spans as the wire says them. Decides nothing."""

from typing import Final

from agiwo.observability import Span, Trace, semconv
from agiwo_protocol import trace as wire

from agiwod.face.rpc.moment import moment

_LONGEST: Final = 1_000_000
"""Characters of what was said at once that are told; a message has to hold them."""


def trace_object(value: Trace) -> wire.Trace:
    """A trace, without its spans."""
    told = {
        "trace_id": value.trace_id,
        "run_id": value.run_id,
        "agent_id": value.agent_id,
        "session_id": value.session_id,
        "user_id": value.user_id,
        "status": str(value.status),
        "start_at": moment(value.start_time),
        "end_at": None if value.end_time is None else moment(value.end_time),
        "duration_ms": value.duration_ms,
        "input_tokens": value.total_input_tokens,
        "output_tokens": value.total_output_tokens,
        "llm_calls": value.total_llm_calls,
        "tool_calls": value.total_tool_calls,
        "cost_usd": value.cost_usd,
        "cost_basis": value.cost_basis,
        "root_span_id": value.root_span_id,
        "schema_url": value.schema_url,
    }
    return wire.Trace.model_validate(told)


def span_object(value: Span) -> wire.Span:
    """A span. What was said is in it as far as it was captured."""
    told = {
        "span_id": value.span_id,
        "parent_span_id": value.parent_span_id,
        "kind": str(value.kind),
        "name": value.name,
        "start_at": moment(value.start_time),
        "end_at": None if value.end_time is None else moment(value.end_time),
        "duration_ms": value.duration_ms,
        "status": str(value.status),
        "error_type": value.error_type,
        "message": value.error_message,
        "input": value.input_preview,
        "output": value.output_preview,
        "run_id": value.run_id,
        "depth": value.depth,
        "links": list(value.links),
        "attributes": {**value.attributes, **{name: text[:_LONGEST] for name, text in semconv.content(value).items()}},
        "metrics": dict(value.metrics),
    }
    return wire.Span.model_validate(told)
