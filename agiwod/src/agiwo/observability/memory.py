"""Traces in this process's memory: the newest ones, and no more than that."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from agiwo.observability.storage import BaseTraceStorage
from agiwo.observability.trace import Trace, TraceQuery
from agiwo.observability.tree import merged


class InMemoryTraceStorage(BaseTraceStorage):
    """Keeps `buffer_size` traces, each once; with one more, the one that was saved longest ago goes."""

    def __init__(self, buffer_size: int = 200) -> None:
        super().__init__()
        self._size = buffer_size
        self._traces: dict[str, Trace] = {}

    async def keep(self, trace: Trace) -> None:
        """As `BaseTraceStorage.keep`."""
        self._traces.pop(trace.root_span_id, None)
        self._traces[trace.root_span_id] = trace
        while len(self._traces) > self._size:
            del self._traces[next(iter(self._traces))]

    async def get_trace(self, trace_id: str) -> Trace | None:
        """As `BaseTraceStorage.get_trace`."""
        return merged([trace for trace in self._traces.values() if trace.trace_id == trace_id])

    async def query_traces(self, query: TraceQuery | Mapping[str, Any]) -> list[Trace]:
        """As `BaseTraceStorage.query_traces`."""
        wanted = TraceQuery.of(query)
        found = sorted(filter(wanted.fits, self._traces.values()), key=attrgetter("start_time"), reverse=True)
        return found[wanted.offset : wanted.offset + wanted.limit]
