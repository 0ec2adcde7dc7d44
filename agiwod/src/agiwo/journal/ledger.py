"""What appends make of the runs, sessions and states they touch: decides, numbers and refuses. Does no I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from agiwo.errors import Conflict, NotFound
from agiwo.schema.record import Batch, Change, Entry, Record, RunHead, Session, State, StateChange

Key = tuple[str, str]
"""A run and the key of one of its records."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands: its index entry, and how many records it has, internal ones too."""

    head: RunHead
    length: int = 0


class Written:
    """What one append comes to: its records, and the runs, sessions and states as they are after it.

    `taken` names sessions that change hands and stay otherwise as they are.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.runs: dict[str, Standing] = {}
        self.sessions: dict[str, Session] = {}
        self.states: dict[str, State] = {}
        self.taken: set[str] = set()

    def add(self, later: "Written") -> None:
        """Let this be what both appends come to."""
        self.records.extend(later.records)
        self.runs.update(later.runs)
        self.sessions.update(later.sessions)
        self.states.update(later.states)
        self.taken.update(later.taken)


class Ledger:
    """What a store knows of the runs, sessions and states that some appends touch.

    `holder` tells the pid of the live process that holds an owner's lock, or None when that owner is gone. `runs`,
    `session_owners`, `versions` (of states) and `keys` must hold whatever the store has of what an append names; an
    append that is taken adds to them, so that the next one sees it.
    """

    def __init__(self, owner: str, holder: Callable[[str], int | None]) -> None:
        self.owner = owner
        self._holder = holder
        self.runs: dict[str, Standing] = {}
        self.session_owners: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.keys: set[Key] = set()

    def foreign_pid(self, owner: str) -> int | None:
        """The pid of the other live process that is this owner; None when it is us, or gone."""
        return None if owner == self.owner else self._holder(owner)

    def forget(self, runs: Iterable[str], sessions: Iterable[str], states: Iterable[str]) -> None:
        """Know nothing of these any more."""
        gone = set(runs)
        for known, names in ((self.runs, gone), (self.session_owners, sessions), (self.versions, states)):
            for name in names:
                known.pop(name, None)
        self.keys = {key for key in self.keys if key[0] not in gone}

    def append(self, changes: Iterable[Change]) -> Written:
        """Take all the changes, or raise and take none.

        Raises:
            Conflict: as `Journal.append`.
            NotFound: as `Journal.append`.
        """
        draft = _Draft(self)
        for change in changes:
            if isinstance(change, Batch):
                draft.write(change)
            elif isinstance(change, Session):
                draft.put(change)
            else:
                draft.change(change)
        self.runs.update(draft.written.runs)
        self.session_owners.update(dict.fromkeys(draft.owned_sessions, self.owner))
        for state in draft.written.states.values():
            self.versions[state.id] = state.version
        self.keys |= draft.keys
        return draft.written


class _Draft:
    """One append while it is being decided: sees the ledger, writes beside it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.written = Written()
        self.owned_sessions: set[str] = set()
        self.keys: set[Key] = set()

    def put(self, session: Session) -> None:
        """Create or replace a session; it is ours from now on."""
        self._own_session(session.id)
        self.written.sessions[session.id] = _owned(session, self._ledger.owner)
        self.written.taken.discard(session.id)
        self.owned_sessions.add(session.id)

    def change(self, change: StateChange) -> None:
        """Create or replace a state whose version is the expected one."""
        state = change.state
        known = self.written.states.get(state.id)
        version = known.version if known else self._ledger.versions.get(state.id, 0)
        if version != change.expect:
            raise Conflict(f"state {state.id!r} is of version {version}, not {change.expect}")
        self._own_session(state.session)
        self.written.states[state.id] = replace(state, version=version + 1)

    def write(self, batch: Batch) -> None:
        """Number the batch's entries and move its run on."""
        standing = self._opened(batch)
        head, length = standing.head, standing.length
        seq = head.head
        for entry in batch.entries:
            length += 1
            seq += entry.public
            self._reserve(batch.run, entry)
            self.written.records.append(_record(batch.run, entry, length, seq))
        updated_at = batch.entries[-1].at if batch.entries else head.updated_at
        status = batch.status or head.status
        wake = batch.wake if batch.status else head.wake
        owner = self._ledger.owner
        moved = RunHead(
            head.run, head.session, head.agent, status, head.created_at, updated_at, head.parent, seq, owner, wake
        )
        self.written.runs[batch.run] = Standing(moved, length)

    def _opened(self, batch: Batch) -> Standing:
        known = self.written.runs.get(batch.run) or self._ledger.runs.get(batch.run)
        if batch.create is not None:
            if known is not None:
                raise Conflict(f"run {batch.run} exists already")
            self._own_session(batch.create.session)
            return Standing(_unwritten(batch.create, batch.run))
        if known is None:
            raise NotFound("run", batch.run)
        self._own_run(known.head)
        if batch.expect is not None and known.head.status not in batch.expect:
            expected = " or ".join(sorted(batch.expect))
            raise Conflict(f"run {batch.run} is {known.head.status}, not {expected}")
        return known

    def _own_run(self, head: RunHead) -> None:
        self._refuse_foreign(f"run {head.run}", head.owner)
        self._own_session(head.session)

    def _own_session(self, session: str) -> None:
        if session in self.owned_sessions:
            return
        owner = self._ledger.session_owners.get(session)
        if owner is None or owner == self._ledger.owner:
            return
        self._refuse_foreign(f"session {session}", owner)
        self.written.taken.add(session)
        self.owned_sessions.add(session)

    def _refuse_foreign(self, what: str, owner: str) -> None:
        pid = self._ledger.foreign_pid(owner)
        if pid is not None:
            raise Conflict(f"{what} belongs to another live process (pid {pid})", pid=pid)

    def _reserve(self, run: str, entry: Entry) -> None:
        if entry.key is None:
            return
        key = (run, entry.key)
        if key in self._ledger.keys or key in self.keys:
            raise Conflict(f"run {run} has a record with the key {entry.key!r} already")
        self.keys.add(key)


# Written out, these two and the head in `write`: `dataclasses.replace` costs as much as all the rest of an append.


def _owned(session: Session, owner: str) -> Session:
    return Session(
        session.id,
        session.agent,
        session.created_at,
        session.updated_at,
        session.head,
        session.forked_from,
        owner,
        session.meta,
    )


def _unwritten(head: RunHead, run: str) -> RunHead:
    return RunHead(
        run, head.session, head.agent, head.status, head.created_at, head.updated_at, head.parent, 0, head.owner
    )


def _record(run: str, entry: Entry, position: int, seq: int) -> Record:
    number = seq if entry.public else None
    return Record(run, position, number, entry.type, entry.data, entry.at, entry.key, entry.item)
