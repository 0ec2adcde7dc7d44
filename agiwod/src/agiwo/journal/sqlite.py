"""The journal in a SQLite file, shared by everybody in this process who opens it. Knows no engine."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

from agiwo import ids
from agiwo.errors import ConfigError, StorageError
from agiwo.journal import care_rows, rows, schema, state_rows
from agiwo.journal.base import PROBE, Listener
from agiwo.journal.care import Measure
from agiwo.journal.connection import Connection, transaction, translated
from agiwo.journal.lease import Lease
from agiwo.journal.listeners import Listeners
from agiwo.journal.reader import Reader
from agiwo.journal.schema import Durability
from agiwo.journal.writer import Writer
from agiwo.schema.event import Event
from agiwo.schema.record import Change, Record, RunHead, Session, State
from agiwo.schema.run import RunStatus

_T = TypeVar("_T")


class SqliteJournal:
    """A journal in a file. Whoever opens the same file in one process (and event loop) shares its one writer."""

    def __init__(self, file: "_File") -> None:
        self._opened: _File | None = file
        self.path = file.path
        self.epoch = file.epoch
        self.owner = file.lease.owner

    @classmethod
    async def open(
        cls, path: str | PathLike[str], *, durability: Durability = "normal", owner: str | None = None
    ) -> "SqliteJournal":
        """The journal in the file at `path`, which is made when it is missing, with its directories.

        `owner` names this process (default: a fresh name). The strongest durability that anybody in the process asked
        for holds for all.

        Raises:
            StorageError: the file cannot be opened or made.
            SchemaTooNew: a newer version made it.
            Conflict: another live process has the name `owner`.
            ConfigError: this process has the file open under another name.
        """
        resolved = _resolved(path)
        files = _files_of_this_loop()
        async with files.lock:
            file = files.by_path.get(resolved) or await _File.opened(resolved, durability, owner or ids.fresh("owner"))
            if owner is not None and owner != file.lease.owner:
                raise ConfigError(f"the journal {resolved} is open in this process as {file.lease.owner}, not {owner}")
            await file.strengthen(durability)
            file.users += 1
            files.by_path[resolved] = file
        return cls(file)

    @property
    def durability(self) -> Durability:
        """What a commit survives."""
        return self._file.durability

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        """As `Journal.append`."""
        return await self._file.writer.append(changes, first)

    async def read(self, run: str, after: int = 0, limit: int = 512) -> list[Record]:
        """As `Journal.read`."""
        return await self._read(lambda db: rows.read_records(db, run, after, limit))

    async def events(self, run: str, after: int = 0, limit: int = 512) -> list[Event]:
        """As `Journal.events`."""
        return await self._read(lambda db: rows.read_events(db, run, after, limit))

    async def load(self, run: str, after: int = 0, limit: int | None = None) -> list[Record]:
        """As `Journal.load`."""
        return await self._read(lambda db: rows.load_records(db, run, after, limit))

    async def record(self, run: str, key: str) -> Record | None:
        """As `Journal.record`."""
        return await self._read(lambda db: rows.find_record(db, run, key))

    def watch(self, run: str, listener: Listener, *, internal: bool = False) -> Callable[[], None]:
        """As `Journal.watch`."""
        return self._file.listeners.add(run, listener, internal=internal)

    async def run(self, run: str) -> RunHead | None:
        """As `Journal.run`."""
        return await self._read(lambda db: rows.find_run(db, run))

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
        filters = {"session": session, "agent": agent, "parent": parent}
        among = {"id": ids, "status": None if statuses is None else list(statuses)}
        return await self._read(lambda db: rows.find_runs(db, filters, among, before, limit))

    async def claim(self) -> list[RunHead]:
        """As `Journal.claim`."""
        ledger = self._file.writer.ledger()
        return await self._write(lambda db: rows.claim_runs(db, ledger))

    async def session(self, session: str) -> Session | None:
        """As `Journal.session`."""
        return await self._read(lambda db: rows.find_session(db, session))

    async def sessions(self, *, agent: str | None = None, before: str | None = None, limit: int = 100) -> list[Session]:
        """As `Journal.sessions`."""
        return await self._read(lambda db: rows.find_sessions(db, agent, before, limit))

    async def state(self, state: str) -> State | None:
        """As `Journal.state`."""
        return await self._read(lambda db: state_rows.find_state(db, state))

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
        among = {"parent": parents, "phase": phases}
        return await self._read(lambda db: state_rows.find_states(db, agent, among, roots, before, limit))

    async def put_blob(self, data: bytes) -> str:
        """As `Journal.put_blob`."""
        return await self._write(lambda db: rows.put_blob(db, data))

    async def get_blob(self, blob: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """As `Journal.get_blob`."""
        return await self._read(lambda db: rows.get_blob(db, blob, offset, limit))

    async def measure(self) -> Measure:
        """As `Store.measure`."""
        return await self._read(care_rows.measure)

    async def forget(self, sessions: Sequence[str], until: float) -> int:
        """As `Store.forget`."""
        return await self._write(lambda db: care_rows.forget(db, sessions, until))

    async def sweep(self) -> int:
        """As `Store.sweep`."""
        return await self._write(care_rows.sweep)

    async def probe(self, size: int = PROBE) -> None:
        """As `Journal.probe`."""
        await self._write(lambda db: rows.probe(db, size))

    async def close(self) -> None:
        """As `Journal.close`; the files are let go of when the last who opened them closes. Harmless when closed."""
        files = _files_of_this_loop()
        async with files.lock:
            file, self._opened = self._opened, None
            if file is None:
                return
            try:
                await file.writer.finish()
            finally:
                file.users -= 1
                if not file.users:
                    del files.by_path[file.path]
                    await file.close()

    @property
    def _file(self) -> "_File":
        if self._opened is None:
            raise StorageError(f"the journal {self.path} is closed")
        return self._opened

    async def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        return await self._file.reader.read(work)

    async def _write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        return await self._file.connection.write(partial(_in_transaction, work))


async def open_sqlite(db_path: str | PathLike[str], durability: Durability = "normal") -> SqliteJournal:
    """The journal in the file at `db_path`: as `SqliteJournal.open`, with the names of the configuration."""
    return await SqliteJournal.open(db_path, durability=durability)


@dataclass(slots=True)
class _File:
    """One open file: its writing and its reading connection, its lock, and how many have it open."""

    path: Path
    epoch: str
    durability: Durability
    lease: Lease
    connection: Connection
    reader: Reader
    listeners: Listeners
    writer: Writer
    users: int = 0

    @classmethod
    async def opened(cls, path: Path, durability: Durability, owner: str) -> "_File":
        """The file, locked for this owner."""
        lease = Lease(path, owner)
        opening = asyncio.get_running_loop().run_in_executor(None, translated, path, _open, path, durability, lease)
        try:
            writing, reading, epoch = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread cannot be stopped; what it opens is nobody's.
            opening.add_done_callback(lambda done: done.exception() or _shut(lease, *done.result()))
            raise
        connection, listeners = Connection(path, writing), Listeners()
        writer = Writer(path, connection, lease, listeners)
        return cls(path, epoch, durability, lease, connection, Reader(Connection(path, reading)), listeners, writer)

    async def strengthen(self, durability: Durability) -> None:
        """Make commits at least so durable from now on."""
        if durability == "full" and self.durability == "normal":
            await self.connection.start(lambda db: schema.set_durability(db, "full"))
            self.durability = "full"

    async def close(self) -> None:
        """Close both connections and give up the lock."""
        # The reader first: whoever closes last empties the WAL, and a reader must not.
        try:
            await self.reader.close()
        finally:
            try:
                await self.connection.close()
            finally:
                self.lease.release()


@dataclass(slots=True)
class _Files:
    """The files that are open on one event loop; the lock is held while one is opened or closed."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    by_path: dict[Path, _File] = field(default_factory=dict[Path, _File])


_files: WeakKeyDictionary[asyncio.AbstractEventLoop, _Files] = WeakKeyDictionary()


def _files_of_this_loop() -> _Files:
    return _files.setdefault(asyncio.get_running_loop(), _Files())


def _resolved(path: str | PathLike[str]) -> Path:
    return Path(path).expanduser().resolve()


def _open(path: Path, durability: Durability, lease: Lease) -> tuple[sqlite3.Connection, sqlite3.Connection, str]:
    """Make the directories, take the lock, open the file: what must not happen in two processes at once.

    Gives the connection that writes, the one that reads, and the file's epoch.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with lease.opening(), ExitStack() as taken:
        lease.take()
        taken.callback(lease.release)
        lease.sweep()
        # The writer first: it makes the file.
        writing = taken.enter_context(closing(schema.connect_writer(path, durability)))
        reading = taken.enter_context(closing(schema.connect_reader(path)))
        opened = writing, reading, schema.epoch(reading)
        taken.pop_all()  # all of it is the caller's now
        return opened


def _shut(lease: Lease, writing: sqlite3.Connection, reading: sqlite3.Connection, _: str) -> None:
    reading.close()
    writing.close()
    lease.release()


def _in_transaction(work: Callable[[sqlite3.Connection], _T], db: sqlite3.Connection) -> _T:
    with transaction(db):
        return work(db)
