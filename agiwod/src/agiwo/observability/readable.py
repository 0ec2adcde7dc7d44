"""Spans as OpenTelemetry's exporters take them. The only file besides the sender that loads any of it."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from agiwo.observability import semconv
from agiwo.observability.trace import Span, SpanStatus
from agiwo.observability.trace import SpanKind as Kind

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_NANOSECONDS = 1_000_000_000


class Translator:
    """Translates spans; the words of what was said, and of what went wrong, only with `captures`."""

    def __init__(self, service: str, *, captures: bool) -> None:
        self._resource, self._captures = resource_of(service), captures
        self._scope = InstrumentationScope("agiwo", schema_url=semconv.SCHEMA_URL)

    def readable(self, span: Span) -> ReadableSpan:
        """The span for an exporter."""
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.span_id),
            parent=_context(span.trace_id, span.parent_span_id) if span.parent_span_id else None,
            resource=self._resource,
            attributes=self._attributes(span),
            links=[Link(_context(span.trace_id, link)) for link in span.links],
            kind=SpanKind.CLIENT if span.kind == Kind.LLM_CALL else SpanKind.INTERNAL,
            status=self._status(span),
            start_time=nanoseconds(span.start_time),
            end_time=nanoseconds(span.end_time or span.start_time),
            instrumentation_scope=self._scope,
        )

    def _attributes(self, span: Span) -> Mapping[str, Any]:
        said = semconv.content(span) if self._captures else {}
        return {**{name: value for name, value in span.attributes.items() if value is not None}, **said}

    def _status(self, span: Span) -> Status:
        # What went well has no status there, and neither has what somebody wanted to end.
        if span.status != SpanStatus.ERROR:
            return Status(StatusCode.UNSET)
        return Status(StatusCode.ERROR, span.error_message if self._captures else None)


def resource_of(service: str) -> Resource:
    """Who sends the spans, unless the environment (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`) says so."""
    found = Resource.create()
    named = str(found.attributes[SERVICE_NAME])
    return found.merge(Resource({SERVICE_NAME: service})) if named.startswith("unknown_service") else found


def _context(trace: str, span: str) -> SpanContext:
    return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=_SAMPLED)


def nanoseconds(seconds: float) -> int:
    """A time as OpenTelemetry counts it."""
    return int(seconds * _NANOSECONDS)
