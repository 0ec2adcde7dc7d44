"""Traces of runs: made from their records, kept where you like, and sent to whoever understands OpenTelemetry."""

from collections.abc import Callable, Mapping
from typing import Final

from agiwo.observability.collector import TraceCollector
from agiwo.observability.memory import InMemoryTraceStorage
from agiwo.observability.mongo import MongoTraceStorage
from agiwo.observability.sqlite import SQLiteTraceStorage
from agiwo.observability.storage import BaseTraceStorage
from agiwo.observability.trace import Span, SpanKind, SpanStatus, Trace, TraceQuery

__all__ = [
    "TRACE_STORES",
    "BaseTraceStorage",
    "InMemoryTraceStorage",
    "MongoTraceStorage",
    "SQLiteTraceStorage",
    "Span",
    "SpanKind",
    "SpanStatus",
    "Trace",
    "TraceCollector",
    "TraceQuery",
]

TRACE_STORES: Final[Mapping[str, Callable[..., BaseTraceStorage]]] = {
    "memory": InMemoryTraceStorage,
    "sqlite": SQLiteTraceStorage,
    "mongodb": MongoTraceStorage,
}
"""What can keep traces, by the `storage_type` of a configuration, and taking the rest of it."""
