"""What of a journal is kept, and what may go: decides by its indexes, and never parts what belongs together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from agiwo.journal.care import Store
from agiwo.schema.record import Point, RunHead, Session, State

_PAGE: Final = 1000

_TOGETHER: Final = 100
"""Runs that are forgotten in one transaction, of a larger family all: few enough that others need not wait."""

RECENT: Final = 3600.0
"""Seconds since its last use within which somebody may still be about to go on with a session."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long finished runs are kept: so many days since their last use, and so many of the newest (None: all)."""

    keep_days: float | None = None
    keep_runs: int | None = None

    def __bool__(self) -> bool:
        return self.keep_days is not None or self.keep_runs is not None


@dataclass(slots=True)
class Family:
    """Sessions that belong together: a run of one started one of another, or one was forked from another."""

    sessions: set[str] = field(default_factory=set[str])
    runs: int = 0
    used_at: float = 0.0
    is_over: bool = True


@dataclass(frozen=True, slots=True)
class Pruned:
    """What has gone, or would go: runs, their sessions, and blobs that only they named."""

    runs: int = 0
    sessions: int = 0
    blobs: int = 0


async def prune(store: Store, retention: Retention, now: float, recent: float = RECENT) -> Pruned:
    """Forget what the rule does not keep. What is not over, or was used so many seconds ago, always stays.

    Raises:
        StorageError: the store refused; what was forgotten before stays so.
    """
    runs = sessions = 0
    for group in _in_groups(expendable(await families(store), retention, now, recent)):
        for gone in await _forget(store, group):
            runs += gone.runs
            sessions += len(gone.sessions)
    return Pruned(runs, sessions, await store.sweep() if runs else 0)


async def _forget(store: Store, group: Sequence[Family]) -> Sequence[Family]:
    """Those of the families that could be forgotten: all at once, or, when somebody goes on with one, the others."""
    wanted = sorted(session for family in group for session in family.sessions)
    forgotten = await store.forget(wanted, max(family.used_at for family in group))
    if forgotten or len(group) == 1:
        return group if forgotten or not group[0].runs else ()
    return [family for each in group for family in await _forget(store, [each])]


def _in_groups(families: Iterable[Family]) -> Iterator[list[Family]]:
    """The families by what is forgotten in one transaction."""
    group, runs = list[Family](), 0
    for family in families:
        if group and runs + family.runs > _TOGETHER:
            yield group
            group, runs = [], 0
        group.append(family)
        runs += family.runs
    if group:
        yield group


async def pruned(store: Store, retention: Retention, now: float, recent: float = RECENT) -> Pruned:
    """What `prune` would forget, as far as can be seen now."""
    found = expendable(await families(store), retention, now, recent)
    return Pruned(sum(each.runs for each in found), sum(len(each.sessions) for each in found))


async def families(store: Store) -> list[Family]:
    """All that there is, by what belongs together, the one used last first."""
    runs, sessions, states = await all_runs(store), await all_sessions(store), await all_states(store)
    kin = _Kin()
    session_of = {run.run: run.session for run in runs}
    for run in runs:
        kin.join(run.session, session_of.get(run.parent or "", run.session))
    for session in sessions:
        for point in (session.head, session.forked_from):
            kin.join(session.id, _session_at(point, session_of) or session.id)
    seats = {state.id: state.session for state in states}
    for state in states:
        kin.join(state.session, session_of.get(state.run, state.session))
        kin.join(state.session, seats.get(state.parent or "", state.session))
    return _grouped(kin, runs, sessions, states)


def expendable(families: Iterable[Family], retention: Retention, now: float, recent: float = RECENT) -> list[Family]:
    """Those that the rule does not keep, of families with the one used last first."""
    found, kept = list[Family](), 0
    for family in families:
        too_old = retention.keep_days is not None and family.used_at < now - retention.keep_days * 86400
        too_many = retention.keep_runs is not None and kept >= retention.keep_runs
        if family.is_over and family.used_at <= now - recent and (too_old or too_many):
            found.append(family)
        else:
            kept += family.runs
    return found


class _Kin:
    """Which names belong together: each knows one that it belongs to, and so on up to one that stands for all."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def head(self, name: str) -> str:
        """The one that stands for all to whom it belongs."""
        while (above := self._above.setdefault(name, name)) != name:
            self._above[name] = name = self._above.setdefault(above, above)
        return name

    def join(self, one: str, other: str) -> None:
        """Let both belong together."""
        self._above[self.head(one)] = self.head(other)


def _session_at(point: Point | None, session_of: dict[str, str]) -> str | None:
    return session_of.get(point.run) if point else None


def _grouped(kin: _Kin, runs: Sequence[RunHead], sessions: Sequence[Session], states: Sequence[State]) -> list[Family]:
    found: dict[str, Family] = {}

    def seen(session: str, at: float, *, is_over: bool, runs: int = 0) -> None:
        family = found.setdefault(kin.head(session), Family())
        family.sessions.add(session)
        family.used_at = max(family.used_at, at)
        family.is_over &= is_over
        family.runs += runs

    for run in runs:
        seen(run.session, run.updated_at, is_over=run.status.is_terminal, runs=1)
    for session in sessions:
        seen(session.id, session.updated_at, is_over=True)
    for state in states:
        is_over = not state.persistent or state.phase not in ("open", "closing")
        seen(state.session, state.updated_at, is_over=is_over)
    return sorted(found.values(), key=lambda family: family.used_at, reverse=True)


async def all_runs(store: Store) -> list[RunHead]:
    """Every one of the runs, the newest first."""
    found = list[RunHead]()
    while page := await store.runs(before=found[-1].run if found else None, limit=_PAGE):
        found += page
    return found


async def all_sessions(store: Store) -> list[Session]:
    """Every one of the sessions, the newest first."""
    found = list[Session]()
    while page := await store.sessions(before=found[-1].id if found else None, limit=_PAGE):
        found += page
    return found


async def all_states(store: Store) -> list[State]:
    """Every one of the states, the newest first."""
    found = list[State]()
    while page := await store.states(before=found[-1].id if found else None, limit=_PAGE):
        found += page
    return found
