"""Scheduled agents as rows of a SQLite journal: each statement once. Runs on a connection's thread."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from agiwo.journal.ledger import Ledger
from agiwo.journal.query import as_json, equal, newest, one_of, write_all
from agiwo.schema.record import State

_STATE: Final = (
    "state.id, state.agent, state.session, state.run, state.created_at, state.updated_at, state.parent, state.depth,"
    " state.persistent, state.phase, state.version, state.meta"
)
_UPSERT_STATE: Final = """
    INSERT INTO state (id, agent, session, run, created_at, updated_at, parent, depth, persistent, phase, version, meta)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, session = excluded.session, run = excluded.run,
        created_at = excluded.created_at, updated_at = excluded.updated_at, parent = excluded.parent,
        depth = excluded.depth, persistent = excluded.persistent, phase = excluded.phase, version = excluded.version,
        meta = excluded.meta
"""


def fill_versions(db: sqlite3.Connection, ledger: Ledger, states: Sequence[str]) -> None:
    """Tell the ledger of which versions these states are."""
    found = db.execute("SELECT id, version FROM state WHERE id IN (SELECT value FROM json_each(?))", (as_json(states),))
    ledger.versions.update(found.fetchall())


def write_states(db: sqlite3.Connection, states: Iterable[State]) -> None:
    """Write states as appends left them."""
    write_all(db, _UPSERT_STATE, [_state_row(state) for state in states])


def find_state(db: sqlite3.Connection, state: str) -> State | None:
    """The state."""
    row = db.execute(f"SELECT {_STATE} FROM state WHERE id = ?", (state,)).fetchone()
    return _state(row) if row else None


def find_states(
    db: sqlite3.Connection,
    agent: str | None,
    among: Mapping[str, Sequence[str] | None],
    roots: bool,
    before: str | None,
    limit: int,
) -> list[State]:
    """States of this agent (None: of any) whose columns are among what `among` names, newest first."""
    conditions = {**equal({"agent": agent}), **one_of(among)}
    if roots:
        conditions["parent IS NULL"] = ()
    rows = newest(db, f"{_STATE} FROM state", "created_at", conditions, before, limit)
    return [_state(row) for row in rows]


def _state(row: Sequence[Any]) -> State:
    id, agent, session, run, created_at, updated_at, parent, depth, persistent, phase, version, raw = row
    times, meta = (created_at, updated_at), orjson.loads(raw)
    return State(id, agent, session, run, *times, parent, depth, bool(persistent), phase, version, meta)


def _state_row(state: State) -> tuple[Any, ...]:
    s = state
    what = (s.parent, s.depth, s.persistent, s.phase, s.version, orjson.dumps(s.meta).decode())
    return (s.id, s.agent, s.session, s.run, s.created_at, s.updated_at, *what)
