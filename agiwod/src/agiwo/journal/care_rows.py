"""Looking after a SQLite journal: each statement once. Runs on a connection's thread."""

import re
import sqlite3
from collections.abc import Sequence
from typing import Final

from agiwo.journal.care import Measure
from agiwo.journal.query import as_json
from agiwo.schema.run import TERMINAL

BLOB_NAME: Final = re.compile(r'"([0-9a-f]{64})"')
"""Where a record's body may name a blob."""

_OVER: Final = f"({', '.join(repr(str(status)) for status in sorted(TERMINAL))})"
_THESE: Final = "IN (SELECT value FROM json_each(:sessions))"


def measure(db: sqlite3.Connection) -> Measure:
    """How much is in the file."""
    runs = dict(db.execute("SELECT status, count(*) FROM run GROUP BY status ORDER BY status").fetchall())
    tables = ("record", "session", "state", "blob")
    records, sessions, states, blobs = (db.execute(f"SELECT count(*) FROM {each}").fetchone()[0] for each in tables)
    (size,) = db.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
    return Measure(runs, records, sessions, states, blobs, size)


def forget(db: sqlite3.Connection, sessions: Sequence[str], until: float) -> int:
    """Forget the sessions, unless somebody goes on with one."""
    values = {"sessions": as_json(list(sessions)), "until": until}
    going_on = (
        f"SELECT 1 FROM run WHERE session {_THESE} AND (status NOT IN {_OVER} OR updated_at > :until)"
        f" UNION ALL SELECT 1 FROM session WHERE id {_THESE} AND updated_at > :until"
        f" UNION ALL SELECT 1 FROM state WHERE session {_THESE}"
        " AND (updated_at > :until OR persistent AND phase IN ('open', 'closing'))"
    )
    if db.execute(f"{going_on} LIMIT 1", values).fetchone():
        return 0
    db.execute(f"DELETE FROM record WHERE run IN (SELECT id FROM run WHERE session {_THESE})", values)
    forgotten = db.execute(f"DELETE FROM run WHERE session {_THESE}", values).rowcount
    db.execute(f"DELETE FROM state WHERE session {_THESE}", values)
    db.execute(f"DELETE FROM session WHERE id {_THESE}", values)
    return forgotten


def sweep(db: sqlite3.Connection) -> int:
    """Forget blobs that no record names."""
    known = {name for (name,) in db.execute("SELECT name FROM blob")}
    for (body,) in db.execute("SELECT body FROM record WHERE body LIKE '%\"blob%'"):
        known.difference_update(BLOB_NAME.findall(body))
    db.executemany("DELETE FROM blob WHERE name = ?", [(name,) for name in known])
    return len(known)
