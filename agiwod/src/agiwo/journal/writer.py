"""Commits of appends to one SQLite file, and the care of its WAL between them. Knows no SQL."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from agiwo.journal import rows, state_rows
from agiwo.journal.connection import Connection, transaction
from agiwo.journal.group import Append, Decision, Group, Named, Outcome
from agiwo.journal.lease import Lease
from agiwo.journal.ledger import Ledger
from agiwo.journal.listeners import Listeners
from agiwo.journal.schema import checkpoint

logger = logging.getLogger(__name__)

_WAL_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of WAL above which it is moved into the database: often enough to stay small, rarely enough to cost little."""


class Writer(Group):
    """Appends to one file."""

    def __init__(self, path: Path, connection: Connection, lease: Lease, listeners: Listeners) -> None:
        super().__init__(lambda group: connection.start(partial(self._commit_rows, group)), listeners, self._emptied)
        self._wal = path.with_name(path.name + "-wal")
        self._connection = connection
        self._lease = lease

    def ledger(self) -> Ledger:
        """An empty ledger of this owner."""
        return Ledger(self._lease.owner, self._lease.holder)

    def _commit_rows(self, group: Sequence[Append], db: sqlite3.Connection) -> list[Outcome]:
        ledger = self.ledger()
        with transaction(db):
            _fill(db, ledger, group)
            decision = Decision.of(ledger, group)
            rows.write(db, decision.written, decision.bodies, ledger.owner)
            state_rows.write_states(db, decision.written.states.values())
        return decision.outcomes

    def _emptied(self) -> asyncio.Future[None] | None:
        if _size(self._wal) <= _WAL_LIMIT:
            return None
        emptying = self._connection.start(checkpoint)
        emptying.add_done_callback(_warn)
        return emptying


def _warn(emptying: asyncio.Future[None]) -> None:
    # Nothing is lost: what the database could not take stays in the WAL, and the next commit tries again.
    if error := emptying.exception():
        logger.warning("the journal's WAL cannot be emptied: %s", error)


def _fill(db: sqlite3.Connection, ledger: Ledger, group: Sequence[Append]) -> None:
    named = Named.by(group)
    rows.fill_ledger(db, ledger, named.runs, named.sessions)
    if named.keys:
        rows.fill_keys(db, ledger, named.keys)
    if named.states:
        state_rows.fill_versions(db, ledger, named.states)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
