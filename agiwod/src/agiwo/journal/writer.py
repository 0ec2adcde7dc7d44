"""Commits of appends to one SQLite file, and the care of its WAL between them. Knows no SQL."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from agiwo.failpoint import reach
from agiwo.journal import rows, state_rows
from agiwo.journal.connection import Connection, transaction
from agiwo.journal.group import Append, Decision, Group, Named, Outcome
from agiwo.journal.lease import Lease
from agiwo.journal.ledger import Ledger, Standing, Written
from agiwo.journal.listeners import Listeners
from agiwo.journal.schema import checkpoint
from agiwo.schema.run import TERMINAL

logger = logging.getLogger(__name__)

_WAL_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of WAL above which it is moved into the database: often enough to stay small, rarely enough to cost little."""

_KNOWN: Final = 1024
"""Runs that need not be looked up before something is appended to them."""


class Writer(Group):
    """Appends to one file."""

    def __init__(self, path: Path, connection: Connection, lease: Lease, listeners: Listeners) -> None:
        super().__init__(lambda group: connection.write(partial(self._commit_rows, group)), listeners, self._emptied)
        self._wal = path.with_name(path.name + "-wal")
        self._connection = connection
        self._lease = lease
        self._known: dict[str, Standing] = {}  # of the connection's thread alone

    def ledger(self) -> Ledger:
        """An empty ledger of this owner."""
        return Ledger(self._lease.owner, self._lease.holder)

    def _commit_rows(self, group: Sequence[Append], db: sqlite3.Connection) -> list[Outcome]:
        try:
            return self._commit_group(group, db)
        except sqlite3.IntegrityError:
            # A key is taken that was not looked for. Now everything is, so that it is known whose append is refused.
            self._known.clear()
            return self._commit_group(group, db)

    def _commit_group(self, group: Sequence[Append], db: sqlite3.Connection) -> list[Outcome]:
        ledger = self.ledger()
        with transaction(db):
            self._fill(db, ledger, group)
            decision = Decision.of(ledger, group)
            rows.write(db, decision.written, decision.bodies, ledger.owner)
            state_rows.write_states(db, decision.written.states.values())
            reach("commit/written")
        reach("commit/made")
        self._remember(ledger, decision.written)
        return decision.outcomes

    def _fill(self, db: sqlite3.Connection, ledger: Ledger, group: Sequence[Append]) -> None:
        named = Named.by(group)
        known = {run: self._known[run] for run in named.runs if run in self._known}
        ledger.runs.update(known)
        ledger.session_owners.update({standing.head.session: ledger.owner for standing in known.values()})
        rows.fill_ledger(
            db,
            ledger,
            [run for run in named.runs if run not in known],
            [session for session in named.sessions if session not in ledger.session_owners],
        )
        if keys := [key for key in named.keys if key[0] in ledger.runs and key[0] not in known]:
            rows.fill_keys(db, ledger, keys)
        if named.states:
            state_rows.fill_versions(db, ledger, named.states)

    def _remember(self, ledger: Ledger, written: Written) -> None:
        """Know where the runs stand from now on: while they are unfinished and ours, nobody else can move them."""
        for run, standing in written.runs.items():
            self._known.pop(run, None)
            if (
                standing.head.status not in TERMINAL
                and ledger.session_owners.get(standing.head.session) == ledger.owner
            ):
                self._known[run] = standing
        while len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]

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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
