"""The traces of a daemon: read from the journal when they are asked for, sent as they are made, and kept by nobody."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from agiwo.errors import NotFound
from agiwo.journal.base import Journal
from agiwo.observability import SpanStatus, Trace, TraceCollector, TraceQuery
from agiwo.observability.collector import Export, Keeping
from agiwo.observability.reading import first_runs, read_trace, runs_of
from agiwo.observability.tree import merged
from agiwo.schema.record import RunHead
from agiwo.schema.run import TERMINAL, RunStatus

from agiwod.runtime.cron import CRON

_STATUSES: Final[Mapping[str, frozenset[RunStatus]]] = {
    SpanStatus.OK: frozenset({RunStatus.COMPLETED}),
    SpanStatus.ERROR: frozenset({RunStatus.FAILED}),
    SpanStatus.CANCELLED: frozenset({RunStatus.CANCELLED}),
    SpanStatus.RUNNING: frozenset(RunStatus) - TERMINAL,
}
"""Where the first runs stand of traces with this status."""


class Traces:
    """What runs did. `keeping` is where agents made in Python want theirs kept; `export` sends spans elsewhere."""

    def __init__(
        self,
        journal: Journal,
        keeping: Callable[[str], Keeping | None],
        export: Export | None = None,
        *,
        resends: bool = True,
    ) -> None:
        self._journal = journal
        self._collector = TraceCollector(journal, keeping, export, resends=resends)

    def follow(self, head: RunHead) -> None:
        """Send and keep what a run does that the engine has just taken on, as far as that is wanted."""
        if head.agent != CRON:
            self._collector.follow(head)

    async def list(self, query: TraceQuery, before: str | None = None) -> list[Trace]:
        """The traces that fit, newest first, without their spans; `before` is the run of the previous page's last one.

        Raises:
            NotFound: there is no run `before`.
        """
        statuses = _STATUSES.get(query.status or "")
        runs = first_runs(
            self._journal, session=query.session_id, agent=query.agent_id, statuses=statuses, before=before
        )
        found: list[Trace] = []
        async for head in runs:
            if query.start_time is not None and head.updated_at < query.start_time:
                continue
            trace = None if head.agent == CRON else await read_trace(self._journal, head.run)
            if trace and query.fits(trace):
                found.append(replace(trace, spans=()))
            if len(found) == query.limit:
                break
        return found

    async def get(self, trace: str | None, run: str | None, *, content: bool = False) -> Trace:
        """A trace by its id, or what one run and those below it did of it, as it stands.

        Raises:
            NotFound: there is none, or no such run.
        """
        runs = [run] if run else await runs_of(self._journal, trace or "")
        read = [await read_trace(self._journal, each, capture=content) for each in runs]
        found = merged([each for each in read if each])
        if found is None:
            raise NotFound("run", run) if run else NotFound("trace", trace or "")
        return found

    async def close(self) -> None:
        """Save what is to be kept, and follow no more."""
        await self._collector.close()
