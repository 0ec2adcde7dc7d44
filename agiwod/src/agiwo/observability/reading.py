"""Traces read from a journal: of runs that are over, that still go on, or whose process is gone. Keeps none."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import takewhile
from typing import Final

from agiwo.journal.base import Journal
from agiwo.observability.trace import Trace
from agiwo.observability.tree import TraceFold
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import RunStatus
from agiwo.schema.trace_context import TraceContext, run_of

_PAGE: Final = 100
_AT_ONCE: Final = 1000
"""Records that are read and folded in one go: a long trace must not keep everybody else from going on."""

_SEARCHED: Final = 1000
"""Runs that are looked through for those of somebody else's trace, the newest first."""


async def read_trace(journal: Journal, run: str, *, capture: bool = False) -> Trace | None:
    """The trace of a run and of those below it; None when there is no such run."""
    fold = TraceFold(run, capture=capture)
    for each in fold.walk():
        async for records in _records(journal, each):
            fold.take(records)
        async for child in _below(journal, each):
            fold.add(child.run, each)
    return fold.trace()


async def read_beginning(journal: Journal, run: str, seq: int, *, capture: bool = False) -> Trace | None:
    """The trace of a run alone as it stood at that event of it, which costs what there was by then; None as above."""
    fold = TraceFold(run, capture=capture)
    async for records in _records(journal, run):
        known = list(takewhile(lambda record: record.seq is None or record.seq <= seq, records))
        fold.take(known)
        if len(known) < len(records):
            break
    return fold.trace()


async def _records(journal: Journal, run: str) -> AsyncGenerator[Sequence[Record]]:
    """All records of a run, in pieces."""
    records = await journal.load(run, 0, _AT_ONCE)
    while records:
        yield records
        await asyncio.sleep(0)
        is_more = len(records) == _AT_ONCE
        records = await journal.load(run, records[-1].position, _AT_ONCE) if is_more else []


async def _below(journal: Journal, run: str) -> AsyncGenerator[RunHead]:
    before: str | None = None
    while heads := await journal.runs(parent=run, before=before, limit=_PAGE):
        for head in heads:
            yield head
        before = heads[-1].run


async def first_runs(
    journal: Journal,
    *,
    session: str | None = None,
    agent: str | None = None,
    statuses: frozenset[RunStatus] | None = None,
    before: str | None = None,
) -> AsyncGenerator[RunHead]:
    """The runs that are below no other of this journal, newest first, from the one behind `before` on."""
    while heads := await journal.runs(session=session, agent=agent, statuses=statuses, before=before, limit=_PAGE):
        for head in heads:
            if head.parent is None or await journal.run(head.parent) is None:
                yield head
        before = heads[-1].run


async def runs_of(journal: Journal, trace_id: str) -> Sequence[str]:
    """The first runs of a trace: the one that began it, or the newest ones that are parts of somebody else's."""
    try:
        run = run_of(trace_id)
    except (ValueError, OverflowError):
        return ()
    if await journal.run(run):
        return (run,)
    found: list[str] = []
    count = 0
    async for head in first_runs(journal):
        queued = await journal.read(head.run, 0, 1)
        context = TraceContext.parse(queued[0].data.get("traceparent")) if queued else None
        if TraceContext.of_step(head.run, context and context.header).trace_id == trace_id:
            found.append(head.run)
        count += 1
        if count == _SEARCHED:
            break
    return found
