"""The traces of an agent, as its users see them: those that are kept, and what the journal tells of all others."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agiwo.errors import ConfigError
from agiwo.journal.base import Journal
from agiwo.observability.reading import first_runs, read_trace, runs_of
from agiwo.observability.storage import BaseTraceStorage
from agiwo.observability.trace import Trace, TraceQuery
from agiwo.observability.tree import merged


class TraceView(BaseTraceStorage):
    """Reads a journal, with a store of finished traces in front of it if there is one. Without, it saves nothing.

    A query without such a store reads the runs that it is about, so it costs what they are long.
    """

    def __init__(
        self, journal: Callable[[], Awaitable[Journal]], kept: BaseTraceStorage | None = None, *, capture: bool = False
    ) -> None:
        super().__init__()
        # Gives the journal once what it tells so far is kept.
        self._journal, self._kept, self._captures = journal, kept, capture

    async def keep(self, trace: Trace) -> None:
        """As `BaseTraceStorage.keep`; refused when there is no store."""
        if self._kept is None:
            raise ConfigError("traces are kept nowhere: set trace_storage in the agent's options")
        await self._kept.save_trace(trace)

    async def get_trace(self, trace_id: str) -> Trace | None:
        """As `BaseTraceStorage.get_trace`; what is not over comes from the journal, as it stands."""
        journal = await self._journal()
        known = await self._kept.get_trace(trace_id) if self._kept else None
        if known is not None and known.end_time is not None:
            return known
        runs = [known.run_id] if known else await runs_of(journal, trace_id)
        found = [await read_trace(journal, run, capture=self._captures) for run in runs]
        return merged([trace for trace in found if trace]) or known

    async def query_traces(self, query: TraceQuery | Mapping[str, Any]) -> list[Trace]:
        """As `BaseTraceStorage.query_traces`."""
        wanted, journal, found = TraceQuery.of(query), await self._journal(), list[Trace]()
        if self._kept is not None:
            return await self._kept.query_traces(wanted)
        async for head in first_runs(journal, session=wanted.session_id, agent=wanted.agent_id):
            trace = await read_trace(journal, head.run, capture=self._captures)
            if trace and wanted.fits(trace):
                found.append(trace)
            if len(found) == wanted.offset + wanted.limit:
                break
        return found[wanted.offset :]

    def subscribe(self) -> Any:
        """As `BaseTraceStorage.subscribe`; without a store nothing is saved, so nothing comes."""
        return self._kept.subscribe() if self._kept else super().subscribe()

    def unsubscribe(self, queue: Any) -> None:
        """As `BaseTraceStorage.unsubscribe`."""
        (self._kept or super()).unsubscribe(queue)
