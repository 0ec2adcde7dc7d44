"""The group commit: appends that come while a commit runs go into the next one together. Knows no SQL."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from agiwo.errors import AgiwoError, Conflict, NotFound
from agiwo.journal import rows, state_rows
from agiwo.journal.body import Body, detached_batch, detached_session, detached_state
from agiwo.journal.connection import Connection, transaction
from agiwo.journal.lease import Lease
from agiwo.journal.ledger import Ledger, Written
from agiwo.journal.listeners import Listeners
from agiwo.journal.schema import checkpoint
from agiwo.schema.record import Batch, Change, Record, Session, StateChange

logger = logging.getLogger(__name__)

_GROUP: Final = 512
"""Appends in one commit at most, so that the first of them does not wait long for the last."""

_QUEUED: Final = 1024
"""Appends that may wait for a commit; more wait for room."""

_WAL_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of WAL above which it is moved into the database: often enough to stay small, rarely enough to cost little."""


@dataclass(frozen=True, slots=True)
class _Append:
    """One caller's changes, written down, and the future that the caller awaits."""

    changes: Sequence[Change]
    bodies: Sequence[Body]
    done: asyncio.Future[list[Record]]


class Writer:
    """Appends to one file, for everybody in this process who has it open.

    There is no task: each commit is started by an append or by the commit before it, so nothing is left to stop.
    """

    def __init__(self, path: Path, connection: Connection, lease: Lease, listeners: Listeners) -> None:
        self._wal = path.with_name(path.name + "-wal")
        self._connection = connection
        self._lease = lease
        self._listeners = listeners
        self._queue: asyncio.Queue[_Append] = asyncio.Queue(_QUEUED)
        self._is_busy = False

    async def append(self, changes: Iterable[Change]) -> list[Record]:
        """As `Journal.append`."""
        written_down = _written_down(changes)
        await self._queue.put(written_down)
        if not self._is_busy:
            self._is_busy = True
            # At the end of this turn of the loop, so that all who append in it go together.
            asyncio.get_running_loop().call_soon(self._commit_next)
        return await written_down.done

    async def finish(self) -> None:
        """Return when every append that was taken up has been committed or refused."""
        await self._queue.join()

    def ledger(self) -> Ledger:
        """An empty ledger of this owner."""
        return Ledger(self._lease.owner, self._lease.holder)

    def _commit_next(self) -> None:
        self._is_busy = not self._queue.empty()
        if not self._is_busy:
            return
        group = [self._queue.get_nowait() for _ in range(min(_GROUP, self._queue.qsize()))]
        future = self._connection.start(partial(self._commit, group))
        future.add_done_callback(partial(self._settle, group))

    def _commit(self, group: Sequence[_Append], db: sqlite3.Connection) -> list[list[Record] | AgiwoError]:
        ledger, total, bodies = self.ledger(), Written(), list[Body]()
        outcomes: list[list[Record] | AgiwoError] = []
        with transaction(db):
            _fill(db, ledger, group)
            for append in group:
                try:
                    written = ledger.append(append.changes)
                except (Conflict, NotFound) as refusal:
                    outcomes.append(refusal)
                else:
                    outcomes.append(written.records)
                    total.add(written)
                    bodies.extend(append.bodies)
            rows.write(db, total, bodies, ledger.owner)
            state_rows.write_states(db, total.states.values())
        return outcomes

    def _settle(self, group: Sequence[_Append], future: asyncio.Future[list[list[Record] | AgiwoError]]) -> None:
        error = future.exception()
        outcomes = [error] * len(group) if error else future.result()
        for append, outcome in zip(group, outcomes, strict=True):
            self._tell(append, outcome)
            self._queue.task_done()
        if _size(self._wal) > _WAL_LIMIT:
            self._connection.start(checkpoint).add_done_callback(self._checkpointed)
        else:
            self._commit_next()

    def _tell(self, append: _Append, outcome: list[Record] | BaseException) -> None:
        if not isinstance(outcome, BaseException):
            self._listeners.tell(outcome)
        if append.done.done():  # its caller was cancelled
            return
        if isinstance(outcome, BaseException):
            append.done.set_exception(outcome)
        else:
            append.done.set_result(outcome)

    def _checkpointed(self, future: asyncio.Future[None]) -> None:
        # Nothing is lost: what the database could not take stays in the WAL, and the next commit tries again.
        if error := future.exception():
            logger.warning("the journal's WAL cannot be emptied: %s", error)
        self._commit_next()


def _written_down(changes: Iterable[Change]) -> _Append:
    bodies: list[Body] = []
    kept = [_detached(change, bodies) for change in changes]
    return _Append(kept, bodies, asyncio.get_running_loop().create_future())


def _detached(change: Change, bodies: list[Body]) -> Change:
    if isinstance(change, Batch):
        return detached_batch(change, bodies)
    return detached_session(change) if isinstance(change, Session) else detached_state(change)


def _fill(db: sqlite3.Connection, ledger: Ledger, group: Sequence[_Append]) -> None:
    changes = [change for append in group for change in append.changes]
    batches = [change for change in changes if isinstance(change, Batch)]
    sessions = [change.id for change in changes if isinstance(change, Session)]
    sessions += [batch.create.session for batch in batches if batch.create]
    states = [change.state for change in changes if isinstance(change, StateChange)]
    sessions += [state.session for state in states]
    rows.fill_ledger(db, ledger, [batch.run for batch in batches], sessions)
    keys = [(batch.run, entry.key) for batch in batches for entry in batch.entries if entry.key is not None]
    if keys:
        rows.fill_keys(db, ledger, keys)
    if states:
        state_rows.fill_versions(db, ledger, [state.id for state in states])


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
