"""One session and what was done for it: finds all of that, and forgets it, unless others need it. Knows no engine."""

from collections.abc import AsyncGenerator, Callable
from typing import Final

from agiwo.errors import Conflict
from agiwo.journal.care import Store
from agiwo.journal.pruning import all_sessions
from agiwo.schema.record import RunHead, Session

_PAGE: Final = 1000


async def delete_session(store: Store, session: Session, now: Callable[[], float]) -> int:
    """Forget a session, its runs, and the sessions in which agents below those worked; how many runs that were.

    Raises:
        Conflict: one of the runs or agents is still going, the session belongs to a run of another one, or another one
            was forked from it.
        StorageError: the store refuses; nothing was forgotten.
    """
    runs = await _runs_of(store, session.id)
    sessions = {session.id, *(run.session for run in runs.values())}
    for run in runs.values():
        if not run.status.is_terminal:
            raise Conflict(f"run {run.run} is still going: wait for it, or cancel it")
        if run.parent is not None and run.parent not in runs:
            raise Conflict(f"session {run.session} belongs to run {run.parent}, and goes when the session of that goes")
    await _refuse_forks(store, runs, sessions)
    forgotten = await store.forget(sorted(sessions), now())
    if await store.session(session.id) is not None:
        raise Conflict(f"somebody goes on with session {session.id}, or an agent of it takes tasks: shut it down first")
    await store.sweep()
    return forgotten


async def _runs_of(store: Store, session: str) -> dict[str, RunHead]:
    """The runs of a session, those below them, and all others of the sessions of those."""
    found: dict[str, RunHead] = {}
    seen, sessions = set[str](), [session]
    while sessions:
        each = sessions.pop()
        seen.add(each)
        async for run in _pages(store, session=each):
            found[run.run] = run
            below = [child.session async for child in _pages(store, parent=run.run)]
            sessions += [other for other in dict.fromkeys(below) if other not in seen and other not in sessions]
    return found


async def _pages(store: Store, *, session: str | None = None, parent: str | None = None) -> AsyncGenerator[RunHead]:
    before: str | None = None
    while page := await store.runs(session=session, parent=parent, before=before, limit=_PAGE):
        for run in page:
            yield run
        before = page[-1].run


async def _refuse_forks(store: Store, runs: dict[str, RunHead], sessions: set[str]) -> None:
    for other in await all_sessions(store):
        points = [point for point in (other.head, other.forked_from) if point is not None]
        if other.id not in sessions and any(point.run in runs for point in points):
            raise Conflict(f"session {other.id} was forked from it, and has its history from there: delete that first")
