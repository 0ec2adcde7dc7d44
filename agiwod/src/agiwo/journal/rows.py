"""The journal's nouns as rows of its SQLite tables: each statement once. Runs on a connection's thread."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from agiwo.errors import NotFound
from agiwo.journal.blob import blob_name
from agiwo.journal.body import Bodies, read_body, read_event
from agiwo.journal.ledger import Key, Ledger, Standing, Written
from agiwo.journal.query import as_json, equal, newest, one_of, write_all
from agiwo.schema.event import Event
from agiwo.schema.record import Point, Record, RunHead, Session
from agiwo.schema.run import RunStatus

_UNFINISHED: Final = f"status IN ({', '.join(repr(str(status)) for status in RunStatus if not status.is_terminal)})"
_RUN: Final = (
    "run.id, run.session, run.agent, run.status, run.created_at, run.updated_at, run.parent, run.head, run.owner,"
    " run.wake"
)
_SESSION: Final = "session.id, session.agent, session.created_at, session.updated_at, session.owner, session.body"
# A record's position is never below its seq, so the primary key skips most of what was read before.
_PUBLIC: Final = "position > :after AND seq > :after"
_UPSERT_RUN: Final = """
    INSERT INTO run (id, session, agent, status, created_at, updated_at, parent, head, owner, wake, length)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at, head = excluded.head,
        owner = excluded.owner, wake = excluded.wake, length = excluded.length
"""
_UPSERT_SESSION: Final = """
    INSERT INTO session (id, agent, created_at, updated_at, owner, body) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, updated_at = excluded.updated_at, owner = excluded.owner,
        body = excluded.body
"""


def fill_ledger(db: sqlite3.Connection, ledger: Ledger, runs: Sequence[str], sessions: Sequence[str]) -> None:
    """Tell the ledger what the file has of these runs and sessions, and of the sessions of these runs."""
    if runs:
        _fill_standings(db, ledger, runs)
    if sessions:
        owners = "SELECT id, owner FROM session WHERE id IN (SELECT value FROM json_each(?))"
        ledger.session_owners.update(db.execute(owners, (as_json(sessions),)).fetchall())


def fill_keys(db: sqlite3.Connection, ledger: Ledger, keys: Sequence[Key]) -> None:
    """Tell the ledger which of these keys are taken."""
    found = db.execute(
        "SELECT run, record.key FROM json_each(?) AS wanted JOIN record ON run = json_extract(wanted.value, '$[0]')"
        " AND record.key = json_extract(wanted.value, '$[1]') AND record.key IS NOT NULL",
        (as_json(keys),),
    )
    ledger.keys.update(found.fetchall())


def write(db: sqlite3.Connection, written: Written, bodies: Bodies, owner: str) -> None:
    """Write what appends came to; `bodies` go with the records. What changes hands becomes `owner`'s."""
    records = [(r.run, r.position, r.seq, r.key, raw) for r, raw in zip(written.records, bodies.raws, strict=True)]
    write_all(db, "INSERT OR IGNORE INTO blob VALUES (?, ?)", list(bodies.blobs.items()))
    write_all(db, "INSERT INTO record VALUES (?, ?, ?, ?, CAST(? AS TEXT))", records)
    write_all(db, _UPSERT_RUN, [_run_row(standing) for standing in written.runs.values()])
    write_all(db, _UPSERT_SESSION, [_session_row(session) for session in written.sessions.values()])
    write_all(db, "UPDATE session SET owner = ? WHERE id = ?", [(owner, session) for session in written.taken])


def read_records(db: sqlite3.Connection, run: str, after: int, limit: int) -> list[Record]:
    """Public records with a seq above `after`, at most `limit`."""
    return _records(db, run, _PUBLIC, {"after": after, "limit": limit})


def read_events(db: sqlite3.Connection, run: str, after: int, limit: int) -> list[Event]:
    """What `read_records` gives, as events."""
    _, seqs, bodies = _columns(db, run, _PUBLIC, {"after": after, "limit": limit}, between="\n")
    blob = partial(_blob, db)
    return [read_event(run, seq, raw, blob) for seq, raw in zip(orjson.loads(seqs), bodies.split(b"\n"), strict=False)]


def load_records(db: sqlite3.Connection, run: str, after: int, limit: int | None) -> list[Record]:
    """Every record of the run with a position above `after`, at most `limit`."""
    return _records(db, run, "position > :after", {"after": after, "limit": -1 if limit is None else limit})


def find_record(db: sqlite3.Connection, run: str, key: str) -> Record | None:
    """The record of the run that has this key."""
    return next(iter(_records(db, run, "key = :key", {"key": key, "limit": 1})), None)


def find_run(db: sqlite3.Connection, run: str) -> RunHead | None:
    """The run's index entry."""
    row = db.execute(f"SELECT {_RUN} FROM run WHERE id = ?", (run,)).fetchone()
    return _run_head(row) if row else None


def find_runs(
    db: sqlite3.Connection,
    filters: Mapping[str, str | None],
    among: Mapping[str, Sequence[str] | None],
    before: str | None,
    limit: int,
) -> list[RunHead]:
    """Index entries whose columns are as `filters` says, or one of those in `among` (None: any), newest first."""
    conditions = {**equal(filters), **one_of(among)}
    rows = newest(db, f"{_RUN} FROM run", "created_at", conditions, before, limit)
    return [_run_head(row) for row in rows]


def find_session(db: sqlite3.Connection, session: str) -> Session | None:
    """The session."""
    row = db.execute(f"SELECT {_SESSION} FROM session WHERE id = ?", (session,)).fetchone()
    return _session(row) if row else None


def find_sessions(db: sqlite3.Connection, agent: str | None, before: str | None, limit: int) -> list[Session]:
    """Sessions of this agent (None: of any), the one used last first."""
    rows = newest(db, f"{_SESSION} FROM session", "updated_at", equal({"agent": agent}), before, limit)
    return [_session(row) for row in rows]


def claim_runs(db: sqlite3.Connection, ledger: Ledger) -> list[RunHead]:
    """Take over the unfinished runs, and all sessions, of owners that are gone; return all unfinished ones of ours."""
    owners = f"SELECT owner FROM run WHERE {_UNFINISHED} UNION SELECT owner FROM session"
    for (owner,) in db.execute(owners).fetchall():
        if ledger.foreign_pid(owner) is None:
            db.execute(f"UPDATE run SET owner = ? WHERE {_UNFINISHED} AND owner = ?", (ledger.owner, owner))
            db.execute("UPDATE session SET owner = ? WHERE owner = ?", (ledger.owner, owner))
    ours = f"SELECT {_RUN} FROM run WHERE {_UNFINISHED} AND owner = ? ORDER BY created_at, number"
    return [_run_head(row) for row in db.execute(ours, (ledger.owner,)).fetchall()]


def put_blob(db: sqlite3.Connection, data: bytes) -> str:
    """Keep the bytes under their name."""
    name = blob_name(data)
    db.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (name, data))
    return name


def get_blob(db: sqlite3.Connection, blob: str, offset: int, limit: int | None) -> tuple[bytes, int]:
    """A part of the blob, and its whole size.

    Raises:
        NotFound: there is no such blob.
    """
    size = db.execute("SELECT length(data) FROM blob WHERE name = ?", (blob,)).fetchone()
    if size is None:
        raise NotFound("blob", blob)
    wanted = (offset + 1, size[0] if limit is None else limit, blob)
    (part,) = db.execute("SELECT substr(data, ?, ?) FROM blob WHERE name = ?", wanted).fetchone()
    return part, size[0]


def probe(db: sqlite3.Connection, size: int) -> None:
    """Write so many bytes in the place of those that were written before."""
    db.execute("INSERT OR REPLACE INTO meta VALUES ('probe', randomblob(?))", (size,))


def _records(db: sqlite3.Connection, run: str, where: str, values: Mapping[str, Any]) -> list[Record]:
    positions, seqs, bodies = _columns(db, run, where, values, between=",")
    rows = zip(orjson.loads(positions), orjson.loads(seqs), orjson.loads(b"[%b]" % bodies), strict=True)
    blob = partial(_blob, db)
    return [read_body(run, position, seq, body, blob) for position, seq, body in rows]


def _columns(
    db: sqlite3.Connection, run: str, where: str, values: Mapping[str, Any], *, between: str
) -> tuple[str, str, bytes]:
    """Of these records of the run, in order, the positions and the seqs as JSON, and the bodies in one piece."""
    # One row for all: a thread that fetches row by row hands over the interpreter at each, and on a busy loop waits
    # five milliseconds to get it back. A column each: to put them together for each record costs as much as to read it.
    return db.execute(
        "SELECT '[' || coalesce(group_concat(position), '') || ']',"
        " '[' || coalesce(group_concat(coalesce(seq, 'null')), '') || ']',"
        " CAST(coalesce(group_concat(body, :between), '') AS BLOB)"
        f" FROM (SELECT position, seq, body FROM record WHERE run = :run AND {where} ORDER BY position LIMIT :limit)",
        {"run": run, "between": between, **values},
    ).fetchone()


def _blob(db: sqlite3.Connection, name: str) -> bytes:
    return get_blob(db, name, 0, None)[0]


def _fill_standings(db: sqlite3.Connection, ledger: Ledger, runs: Sequence[str]) -> None:
    found = db.execute(
        f"SELECT session.owner, run.length, {_RUN} FROM run LEFT JOIN session ON session.id = run.session"
        " WHERE run.id IN (SELECT value FROM json_each(?))",
        (as_json(runs),),
    )
    for session_owner, length, *columns in found.fetchall():
        head = _run_head(columns)
        ledger.runs[head.run] = Standing(head, length)
        if session_owner is not None:
            ledger.session_owners[head.session] = session_owner


def _run_head(row: Sequence[Any]) -> RunHead:
    run, session, agent, status, created_at, updated_at, parent, head, owner, wake = row
    waits_for = None if wake is None else orjson.loads(wake)
    return RunHead(run, session, agent, RunStatus(status), created_at, updated_at, parent, head, owner, waits_for)


def _run_row(standing: Standing) -> tuple[Any, ...]:
    h = standing.head
    times = (h.created_at, h.updated_at)
    wake = None if h.wake is None else orjson.dumps(h.wake).decode()
    return (h.run, h.session, h.agent, h.status, *times, h.parent, h.head, h.owner, wake, standing.length)


def _session(row: Sequence[Any]) -> Session:
    id, agent, created_at, updated_at, owner, raw = row
    body = orjson.loads(raw)
    head, forked_from = (Point(*point) if point else None for point in (body["head"], body["forkedFrom"]))
    return Session(id, agent, created_at, updated_at, head, forked_from, owner, body["meta"])


def _session_row(session: Session) -> tuple[Any, ...]:
    head, forked_from = (point and (point.run, point.seq) for point in (session.head, session.forked_from))
    body = orjson.dumps({"head": head, "forkedFrom": forked_from, "meta": session.meta}).decode()
    return (session.id, session.agent, session.created_at, session.updated_at, session.owner, body)
