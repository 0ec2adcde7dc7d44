"""What a store of traces is. The journal is what counts: whatever is kept here was made from it, and may be lost."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from agiwo.observability.trace import Trace, TraceQuery

_WAITING: Final = 100
"""Traces that wait for a subscriber; of one who is slower than that, the oldest are dropped."""


class BaseTraceStorage(ABC):
    """Traces, newest first. `dropped` counts what subscribers were too slow for."""

    def __init__(self) -> None:
        self.dropped = 0
        self._subscribers: list[asyncio.Queue[Trace]] = []

    async def save_trace(self, trace: Trace) -> None:
        """Keep a trace, in the place of an earlier state of it, and tell the subscribers."""
        await self.keep(trace)
        for queue in self._subscribers:
            if queue.full():
                queue.get_nowait()
                self.dropped += 1
            queue.put_nowait(trace)

    @abstractmethod
    async def keep(self, trace: Trace) -> None:
        """Put a trace where it is kept."""

    @abstractmethod
    async def get_trace(self, trace_id: str) -> Trace | None:
        """The trace, with the spans of all runs that are parts of it; None when it is not here."""

    @abstractmethod
    async def query_traces(self, query: TraceQuery | Mapping[str, Any]) -> list[Trace]:
        """The traces that fit, newest first; a mapping has the names of `TraceQuery`.

        Raises:
            TypeError, ValueError: the mapping has a name or a value that no query has.
        """

    async def get_recent(self, limit: int = 20) -> list[Trace]:
        """The newest traces."""
        return await self.query_traces(TraceQuery(limit=limit))

    def subscribe(self) -> asyncio.Queue[Trace]:
        """A queue that gets each trace as it is saved: when its run begins, and when it is over."""
        queue = asyncio.Queue[Trace](_WAITING)
        self._subscribers.append(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[Trace]) -> None:
        """Put nothing more into the queue."""
        if queue in self._subscribers:
            self._subscribers.remove(queue)

    async def close(self) -> None:  # noqa: B027 - most stores hold nothing
        """Let go of what the store holds."""
