"""A SQLite connection on a thread of its own, asked to do a piece of work in one go. Knows no table."""

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar, cast

import aiosqlite

from agiwo.errors import StorageError

_T = TypeVar("_T")


class Connection(aiosqlite.Connection):
    """A connection whose every piece of work is one hop to its thread and back, however many statements it has.

    It takes over `db`, which must be usable from any thread, and closes it.
    """

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        super().__init__(lambda: db, iter_chunk_size=64)
        self._connection = db
        self.path = path
        self._file = _file_at(path)
        # A program that forgets to close its journal must still be able to end; what it was promised is on disk.
        self._thread.daemon = True
        self._thread.start()

    def start(self, work: Callable[[sqlite3.Connection], _T]) -> asyncio.Future[_T]:
        """Do `work` on the connection's thread, after all that was started before.

        The future gets a StorageError when SQLite or the disk refuses. Cancelling it does not stop the work.
        """
        # aiosqlite offers a hop for every statement and none for a function, so this goes to its thread's own queue.
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        queue = cast("SimpleQueue[Any]", self._tx)  # pyright: ignore[reportUnknownMemberType]: it is half annotated
        queue.put_nowait((future, partial(translated, self.path, work, self._conn)))
        return future

    def write(self, work: Callable[[sqlite3.Connection], _T]) -> asyncio.Future[_T]:
        """As `start`, and refused when the file was taken away: SQLite would go on in what nobody can open again."""
        return self.start(partial(self._write, work))

    def _write(self, work: Callable[[sqlite3.Connection], _T], db: sqlite3.Connection) -> _T:
        if _file_at(self.path) != self._file:
            raise OSError("the file was removed, or another one has taken its place")
        return work(db)


def _file_at(path: Path) -> tuple[int, int] | None:
    """Which file is there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def translated(path: Path, work: Callable[..., _T], *args: Any) -> _T:
    """What `work` returns; a refusal of SQLite or the disk comes out as a StorageError that names the path."""
    try:
        return work(*args)
    except (sqlite3.Error, OSError) as error:
        raise StorageError(f"the journal {path} cannot be used: {error}") from error


@contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """All of the block or nothing: commits at its end, rolls back when it raises."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite rolls back by itself after some errors, a full disk for one.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
