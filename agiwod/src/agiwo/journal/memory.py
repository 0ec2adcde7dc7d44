"""The journal in this process's memory: the same promises as on disk, but it is gone with the process."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeVar

import orjson

from agiwo import ids
from agiwo.errors import NotFound, StorageError
from agiwo.journal.base import PROBE, Listener
from agiwo.journal.blob import blob_name
from agiwo.journal.body import copied
from agiwo.journal.care import Measure
from agiwo.journal.care_rows import BLOB_NAME
from agiwo.journal.ledger import Ledger
from agiwo.journal.listeners import Listeners, call
from agiwo.schema.event import Event
from agiwo.schema.record import Change, Record, RunHead, Session, State
from agiwo.schema.run import RunStatus

_T = TypeVar("_T")

_LONG = 8 * 1024 * 1024
"""Bytes of a blob that is named in a thread; a shorter one takes some milliseconds."""


class MemoryJournal:
    """A journal of one process. Each object is a log of its own."""

    def __init__(self) -> None:
        self.epoch = ids.fresh("epoch")
        self.owner = ids.fresh("owner")
        self._ledger = Ledger(self.owner, _nobody)
        self._listeners = Listeners()
        self._records: dict[str, list[Record]] = {}
        self._sessions: dict[str, Session] = {}
        self._states: dict[str, State] = {}
        self._blobs: dict[str, bytes] = {}
        self._closed = False

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        """As `Journal.append`."""
        self._check_open()
        written = self._ledger.append([copied(change) for change in changes])
        for run in written.runs:
            self._records.setdefault(run, [])
        for record in written.records:
            self._records[record.run].append(record)
        self._sessions.update(written.sessions)
        self._states.update(written.states)
        if first is not None:
            call(first, written.records)
        self._listeners.tell(written.records)
        return written.records

    async def read(self, run: str, after: int = 0, limit: int = 512) -> list[Record]:
        """As `Journal.read`."""
        # A record's position is never below its seq, so everything up to `after` can be skipped.
        tail = islice(self._all(run), max(after, 0), None)
        return list(islice((record for record in tail if record.seq is not None and record.seq > after), limit))

    async def events(self, run: str, after: int = 0, limit: int = 512) -> list[Event]:
        """As `Journal.events`."""
        return [Event.of(record) for record in await self.read(run, after, limit)]

    async def load(self, run: str, after: int = 0, limit: int | None = None) -> list[Record]:
        """As `Journal.load`."""
        return self._all(run)[after : None if limit is None else after + limit]

    async def record(self, run: str, key: str) -> Record | None:
        """As `Journal.record`."""
        return next((record for record in self._all(run) if record.key == key), None)

    def watch(self, run: str, listener: Listener, *, internal: bool = False) -> Callable[[], None]:
        """As `Journal.watch`."""
        return self._listeners.add(run, listener, internal=internal)

    async def run(self, run: str) -> RunHead | None:
        """As `Journal.run`."""
        self._check_open()
        standing = self._ledger.runs.get(run)
        return standing.head if standing else None

    async def runs(
        self,
        *,
        ids: Sequence[str] | None = None,
        session: str | None = None,
        agent: str | None = None,
        parent: str | None = None,
        statuses: frozenset[RunStatus] | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[RunHead]:
        """As `Journal.runs`."""
        self._check_open()
        known = self._ledger.runs
        wanted = known.values() if ids is None else [known[id] for id in dict.fromkeys(ids) if id in known]
        heads = _newest_first((standing.head for standing in wanted), _run_age)
        return [
            head
            for head in _behind(heads, "run", before, _run_id)
            if (session is None or head.session == session)
            and (agent is None or head.agent == agent)
            and (parent is None or head.parent == parent)
            and (statuses is None or head.status in statuses)
        ][:limit]

    async def claim(self) -> list[RunHead]:
        """As `Journal.claim`; whatever is here is ours already."""
        self._check_open()
        heads = [standing.head for standing in self._ledger.runs.values() if not standing.head.status.is_terminal]
        return sorted(heads, key=_run_age)

    async def session(self, session: str) -> Session | None:
        """As `Journal.session`."""
        self._check_open()
        return self._sessions.get(session)

    async def sessions(self, *, agent: str | None = None, before: str | None = None, limit: int = 100) -> list[Session]:
        """As `Journal.sessions`."""
        self._check_open()
        found = _behind(_newest_first(self._sessions.values(), _updated_at), "session", before, _session_id)
        return [session for session in found if agent is None or session.agent == agent][:limit]

    async def state(self, state: str) -> State | None:
        """As `Journal.state`."""
        self._check_open()
        return self._states.get(state)

    async def states(
        self,
        *,
        parents: Sequence[str] | None = None,
        agent: str | None = None,
        phases: Sequence[str] | None = None,
        roots: bool = False,
        before: str | None = None,
        limit: int = 100,
    ) -> list[State]:
        """As `Journal.states`."""
        self._check_open()
        return [
            state
            for state in _behind(_newest_first(self._states.values(), _state_age), "state", before, _state_id)
            if (parents is None or state.parent in parents)
            and (agent is None or state.agent == agent)
            and (phases is None or state.phase in phases)
            and (state.parent is None or not roots)
        ][:limit]

    async def put_blob(self, data: bytes) -> str:
        """As `Journal.put_blob`."""
        self._check_open()
        name = await asyncio.to_thread(blob_name, data) if len(data) > _LONG else blob_name(data)
        self._blobs[name] = data
        return name

    async def get_blob(self, blob: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """As `Journal.get_blob`."""
        self._check_open()
        data = self._blobs.get(blob)
        if data is None:
            raise NotFound("blob", blob)
        return data[offset : None if limit is None else offset + limit], len(data)

    async def measure(self) -> Measure:
        """As `Store.measure`; the bytes are those of the blobs alone."""
        self._check_open()
        runs = Counter(str(standing.head.status) for standing in self._ledger.runs.values())
        records, size = sum(map(len, self._records.values())), sum(map(len, self._blobs.values()))
        counts = len(self._sessions), len(self._states), len(self._blobs)
        return Measure(dict(sorted(runs.items())), records, *counts, size)

    async def forget(self, sessions: Sequence[str], until: float) -> int:
        """As `Store.forget`."""
        self._check_open()
        heads = [each.head for each in self._ledger.runs.values() if each.head.session in sessions]
        states = [state for state in self._states.values() if state.session in sessions]
        times = [each.updated_at for each in [*heads, *states]]
        times += [self._sessions[session].updated_at for session in sessions if session in self._sessions]
        at_work = any(state.persistent and state.phase in ("open", "closing") for state in states)
        if at_work or not all(head.status.is_terminal for head in heads) or max(times, default=until) > until:
            return 0
        self._ledger.forget([head.run for head in heads], sessions, [state.id for state in states])
        for head in heads:
            del self._records[head.run]
        for state in states:
            del self._states[state.id]
        for session in sessions:
            self._sessions.pop(session, None)
        return len(heads)

    async def sweep(self) -> int:
        """As `Store.sweep`."""
        self._check_open()
        bodies = orjson.dumps([record.data for records in self._records.values() for record in records]).decode()
        unnamed = self._blobs.keys() - set(BLOB_NAME.findall(bodies))
        for name in unnamed:
            del self._blobs[name]
        return len(unnamed)

    async def probe(self, size: int = PROBE) -> None:
        """As `Journal.probe`."""
        self._check_open()

    async def close(self) -> None:
        """As `Journal.close`."""
        self._closed = True

    def _all(self, run: str) -> list[Record]:
        self._check_open()
        return self._records.get(run, [])

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("the journal in memory is closed")


async def open_memory() -> MemoryJournal:
    """A new, empty journal."""
    return MemoryJournal()


def _nobody(owner: str) -> int | None:
    return None


def _newest_first(things: Iterable[_T], age: Callable[[_T], float]) -> list[_T]:
    # Sorted oldest first and then turned round: of two of the same age, the one that came later is the newer.
    ordered = sorted(things, key=age)
    ordered.reverse()
    return ordered


def _behind(things: Sequence[_T], kind: str, before: str | None, id_of: Callable[[_T], str]) -> Sequence[_T]:
    if before is None:
        return things
    for index, thing in enumerate(things):
        if id_of(thing) == before:
            return things[index + 1 :]
    raise NotFound(kind, before)


def _run_age(head: RunHead) -> float:
    return head.created_at


def _run_id(head: RunHead) -> str:
    return head.run


def _updated_at(session: Session) -> float:
    return session.updated_at


def _session_id(session: Session) -> str:
    return session.id


def _state_age(state: State) -> float:
    return state.created_at


def _state_id(state: State) -> str:
    return state.id
