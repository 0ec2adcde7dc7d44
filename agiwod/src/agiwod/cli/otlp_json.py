"""Spans in the JSON of OTLP, as collectors read it from files, and one a line. Pure: sends nothing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

import orjson
from agiwo_protocol.trace import Span, Trace

from agiwod import __version__

_CLIENT, _INTERNAL = 3, 1
_ERROR: Final = 2
"""Numbers of OTLP: the kinds of spans that ask a model, or do not, and the status of those that failed."""


def otlp_line(trace: Trace, spans: Sequence[Span]) -> str:
    """A trace as one request of OTLP in one line of JSON."""
    scope = {"scope": {"name": "agiwo", "version": __version__}, "schemaUrl": trace.schema_url}
    scoped = {**scope, "spans": [_span(trace.trace_id, span) for span in spans]}
    resource = {"attributes": [_attribute("service.name", "agiwod")]}
    return orjson.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scoped]}]}).decode()


def span_lines(trace: Trace, spans: Sequence[Span]) -> Iterator[str]:
    """The spans as the daemon tells them, each with the id of its trace."""
    for span in spans:
        yield orjson.dumps({"traceId": trace.trace_id, "schemaUrl": trace.schema_url, **span.to_wire()}).decode()


def _span(trace_id: str, span: Span) -> dict[str, Any]:
    start = _nanoseconds(span.start_at)
    told: dict[str, Any] = {
        "traceId": trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": _CLIENT if _asks_elsewhere(span) else _INTERNAL,
        "startTimeUnixNano": start,
        "endTimeUnixNano": _nanoseconds(span.end_at) if span.end_at else start,
        "attributes": [_attribute(name, value) for name, value in span.attributes.items() if value is not None],
        "links": [{"traceId": trace_id, "spanId": link} for link in span.links],
        "status": _status(span),
    }
    return told | ({"parentSpanId": span.parent_span_id} if span.parent_span_id else {})


def _asks_elsewhere(span: Span) -> bool:
    return span.kind == "llm_call"


def _status(span: Span) -> dict[str, Any]:
    if span.status != "error":
        return {}
    return {"code": _ERROR} | ({"message": span.message} if span.message else {})


def _nanoseconds(moment: str) -> str:
    """As text: numbers of JSON do not reach so far."""
    at = datetime.fromisoformat(moment)
    return str(int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000)


def _attribute(name: str, value: Any) -> dict[str, Any]:
    return {"key": name, "value": _value(value)}


def _value(value: Any) -> Mapping[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_value(each) for each in cast("list[Any]", value)]}}
        case _:
            return {"stringValue": str(value)}
