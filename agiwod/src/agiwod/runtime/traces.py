"""The traces of a daemon: read from the journal when they are asked for, sent as they are made, and kept by nobody."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agiwo.errors import NotFound
from agiwo.journal.base import Journal
from agiwo.observability import Span, SpanStatus, Trace, TraceCollector, TraceQuery
from agiwo.observability.collector import Export, Keeping
from agiwo.observability.reading import first_runs, read_beginning, read_trace, runs_of
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A trace by its id, or what one run and those below it did of it; with what was said, or without.

    With `seq`, what the run alone had done of it at that event.
    """

    trace: str | None = None
    run: str | None = None
    content: bool = False
    seq: int | None = None


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
        self._held: tuple[Asked, Trace] | None = None
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
            trace = await read_trace(self._journal, head.run) if _may_fit(head, query) else None
            if trace and query.fits(trace):
                found.append(replace(trace, spans=()))
                # Who asks for the newest wants to see it next.
                self._held = (Asked(run=head.run), trace) if query.limit == 1 and _is_whole(trace) else self._held
            if len(found) == query.limit:
                break
        return found

    async def get(self, asked: Asked, after: int, limit: int) -> tuple[Trace, Sequence[Span]]:
        """A trace as it stands, and the page of its spans behind the first `after`.

        All pages are of one reading: the trace of a long run is long to read, and may grow meanwhile.

        Raises:
            NotFound: there is no such trace, or no such run.
        """
        held, self._held = self._held, None
        is_at_hand = held and held[0] == asked and (after or _is_whole(held[1]))
        found = held[1] if held and is_at_hand else await self._read(asked)
        # With what was said a page may end before its limit.
        if asked.content or after + limit < len(found.spans):
            self._held = asked, found
        return found, found.spans[after : after + limit]

    async def _read(self, asked: Asked) -> Trace:
        runs = [asked.run] if asked.run else await runs_of(self._journal, asked.trace or "")
        read = [await self._read_run(each, asked) for each in runs]
        found = merged([each for each in read if each])
        if found is None:
            raise NotFound("run", asked.run) if asked.run else NotFound("trace", asked.trace or "")
        return found

    async def _read_run(self, run: str, asked: Asked) -> Trace | None:
        if asked.seq is None:
            return await read_trace(self._journal, run, capture=asked.content)
        return await read_beginning(self._journal, run, asked.seq, capture=asked.content)

    async def close(self) -> None:
        """Save what is to be kept, and follow no more."""
        await self._collector.close()


def _may_fit(head: RunHead, query: TraceQuery) -> bool:
    """Whether the trace of a run is worth reading, as far as the index tells."""
    if head.agent == CRON:
        return False
    is_too_old = query.start_time is not None and head.updated_at < query.start_time
    is_too_new = query.end_time is not None and head.created_at > query.end_time
    is_too_short = head.status.is_terminal and 1000 * (head.updated_at - head.created_at) < (query.min_duration_ms or 0)
    return not (is_too_old or is_too_new or is_too_short)


def _is_whole(trace: Trace) -> bool:
    """Whether nothing can be added to it any more."""
    return all(span.end_time is not None for span in trace.spans)
