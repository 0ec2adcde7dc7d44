"""The tables of a SQLite journal, and how a file comes to have them. Knows nothing of what is written there."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, Literal

from agiwo import ids
from agiwo.errors import SchemaTooNew
from agiwo.failpoint import reach

Durability = Literal["normal", "full"]
"""What a commit survives: `normal` a `kill -9`, `full` also a power loss."""

MIGRATIONS: Final = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE run (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session TEXT NOT NULL, agent TEXT NOT NULL,
        status TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL, parent TEXT,
        head INTEGER NOT NULL, length INTEGER NOT NULL, owner TEXT NOT NULL
    );
    CREATE INDEX run_by_age ON run (created_at, number);
    CREATE INDEX run_by_session ON run (session, created_at, number);
    CREATE INDEX run_by_parent ON run (parent, created_at, number) WHERE parent IS NOT NULL;
    CREATE INDEX run_by_status ON run (status, created_at, number);
    CREATE TABLE record (
        run TEXT NOT NULL, position INTEGER NOT NULL, seq INTEGER, key TEXT, body TEXT NOT NULL,
        PRIMARY KEY (run, position)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX record_by_key ON record (run, key) WHERE key IS NOT NULL;
    CREATE TABLE session (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, agent TEXT NOT NULL,
        created_at REAL NOT NULL, updated_at REAL NOT NULL, owner TEXT NOT NULL, body TEXT NOT NULL
    );
    CREATE INDEX session_by_use ON session (updated_at, number);
    CREATE INDEX session_by_owner ON session (owner);
    CREATE TABLE blob (name TEXT PRIMARY KEY, data BLOB NOT NULL);
    """,
    """
    ALTER TABLE run ADD COLUMN wake TEXT;
    CREATE TABLE state (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, session TEXT NOT NULL,
        run TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL, parent TEXT, depth INTEGER NOT NULL,
        persistent INTEGER NOT NULL, phase TEXT NOT NULL, version INTEGER NOT NULL, meta TEXT NOT NULL
    );
    CREATE INDEX state_by_age ON state (created_at, number);
    CREATE INDEX state_by_parent ON state (parent, created_at, number);
    """,
    """
    CREATE INDEX run_by_agent ON run (agent, created_at, number);
    CREATE INDEX session_by_agent ON session (agent, updated_at, number);
    """,
)
"""One script a version, oldest first. What has been released is never changed; a change is one more script."""

_BUSY = 30.0
"""Seconds to wait for another process that writes to the same file."""


def connect_writer(path: Path, durability: Durability) -> sqlite3.Connection:
    """A connection that may write, to a file whose tables are made or brought up to date.

    Raises:
        SchemaTooNew: a newer version of this program made the file; it is left as it is.
    """
    db = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        _refuse_newer(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        # The writer checkpoints when it chooses to, and alone: see `checkpoint`.
        db.execute("PRAGMA wal_autocheckpoint = 0")
        set_durability(db, durability)
        _back_up(db, path)
        _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads, and never checkpoints."""
    db = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("PRAGMA query_only = 1")
    return db


def set_durability(db: sqlite3.Connection, durability: Durability) -> None:
    """Let the commits of this connection survive what `durability` says."""
    db.execute(f"PRAGMA synchronous = {durability.upper()}")


def checkpoint(db: sqlite3.Connection) -> None:
    """Move what the WAL holds into the database and empty the WAL.

    A truncating checkpoint holds the write lock all the while. SQLite before 3.51.3 may corrupt a file when another
    connection commits during a checkpoint that does not (https://sqlite.org/wal.html#walresetbug).
    """
    # A reader outside our control may keep the WAL from being emptied; appends must not wait long for it.
    db.execute("PRAGMA busy_timeout = 200")
    reach("checkpoint/before")
    try:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        reach("checkpoint/made")
    finally:
        db.execute(f"PRAGMA busy_timeout = {int(_BUSY * 1000)}")


def epoch(db: sqlite3.Connection) -> str:
    """The random name that the file got when it was made."""
    (value,) = db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
    return value


def _refuse_newer(db: sqlite3.Connection, path: Path) -> None:
    version = _version(db)
    if version > len(MIGRATIONS):
        raise SchemaTooNew(
            f"the journal {path} was written by a newer version (its schema is {version}, this program knows up to "
            f"{len(MIGRATIONS)}); use that version, or another file"
        )


def _back_up(db: sqlite3.Connection, path: Path) -> None:
    """Put a copy beside a file whose tables are about to be changed, unless there is one of that version already."""
    version = _version(db)
    backup = path.with_name(f"{path.name}.schema-{version}.backup")
    if version in (0, len(MIGRATIONS)) or backup.exists():
        return
    unfinished = backup.with_name(f"{backup.name}.part")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    # With what is in the WAL, as it stands between two commits.
    with closing(sqlite3.connect(unfinished)) as copy:
        db.backup(copy)
    unfinished.replace(backup)
    reach("migration/copied")


def _migrate(db: sqlite3.Connection) -> None:
    for version in range(_version(db), len(MIGRATIONS)):
        try:
            db.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[version]} PRAGMA user_version = {version + 1};")
            reach("migration/written")
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        reach("migration/made")
    db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (ids.fresh("epoch"),))


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return version
