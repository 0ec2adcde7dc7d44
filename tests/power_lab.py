"""A disk in the hands of a test, below SQLite: it knows what was synced, loses the rest in a power cut, and fails.

It is a VFS of apsw, and `Database` is what the journal asks of a `sqlite3.Connection`, over that VFS. So the journal's
own statements, pragmas and transactions are what is tested; SQLite itself is apsw's. A file's name is taken for durable
as soon as it is there.
"""

import random
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal, cast

import apsw

SECTOR: Final = 512
"""Bytes of which a disk writes all or none."""

Way = Literal["nothing", "some", "torn"]
"""What a cut leaves of the writes that were not synced: none, a random part of them, or all but half of the last."""

Operation = Literal["open", "write", "sync"]

_numbers = count()


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that go to a place in a file; without bytes, the file ends there."""

    offset: int
    data: bytes | None

    def torn(self, chance: random.Random) -> "Write":
        """The sectors of it that were written when the power went."""
        if self.data is None:
            return self
        return Write(self.offset, self.data[: SECTOR * chance.randrange(len(self.data) // SECTOR + 1)])


@dataclass(slots=True)
class Image:
    """A file as the disk has it: what is durable, and what was written since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list[Write])

    def sync(self) -> None:
        _apply(self.durable, self.pending)
        self.pending.clear()

    def after_cut(self, way: Way, chance: random.Random) -> bytes:
        """What is there when the power comes back."""
        left = bytearray(self.durable)
        if way == "some":
            _apply(left, [write for write in self.pending if chance.random() < 0.5])
        elif way == "torn" and self.pending:
            _apply(left, [*self.pending[:-1], self.pending[-1].torn(chance)])
        return bytes(left)


def _apply(image: bytearray, writes: Sequence[Write]) -> None:
    for write in writes:
        if write.data is None:
            del image[write.offset :]
        else:
            image.extend(bytes(max(0, write.offset - len(image))))
            image[write.offset : write.offset + len(write.data)] = write.data


class Disk(apsw.VFS):
    """A disk. `before` hears of each operation and may raise what SQLite then gets for an answer."""

    def __init__(self) -> None:
        self.name = f"disk-{next(_numbers)}"
        super().__init__(self.name, "")
        self.images: dict[Path, Image] = {}
        self.before: Callable[[Operation, Path], None] = lambda operation, path: None

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = _path(name)
        self.before("open", path)
        if path not in self.images:
            self.images[path] = Image(bytearray(path.read_bytes() if path.exists() else b""))
        return _File(self, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.images.pop(Path(filename), None)
        super().xDelete(filename, syncdir)

    def connect(self, path: str | Path, timeout: float = 5.0, **_: object) -> "Database":
        """In the place of `sqlite3.connect`."""
        with _as_sqlite3():
            db = apsw.Connection(str(path), vfs=self.name)
            db.set_busy_timeout(int(timeout * 1000))
        return Database(db)

    def after_cut(self, way: Way, chance: random.Random) -> Mapping[str, bytes]:
        """What would be there if the power went now, by the names of the files."""
        return {path.name: image.after_cut(way, chance) for path, image in self.images.items()}


def _path(name: str | apsw.URIFilename | None) -> Path:
    return Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "nameless")


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, path: Path, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk, self._path = disk, path

    @property
    def _image(self) -> Image:
        return self._disk.images.setdefault(self._path, Image())

    def xWrite(self, data: Any, offset: int) -> None:
        self._disk.before("write", self._path)
        cast(Any, super()).xWrite(data, offset)
        self._image.pending.append(Write(offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        self._disk.before("write", self._path)
        super().xTruncate(newsize)
        self._image.pending.append(Write(newsize, None))

    def xSync(self, flags: int) -> None:
        self._disk.before("sync", self._path)
        self._image.sync()


class Database:
    """What the journal asks of a `sqlite3.Connection`."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db: Any = db

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> "_Rows":
        with _as_sqlite3():
            return _Rows(self._db.execute(statement, values))

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with _as_sqlite3():
            self._db.executemany(statement, rows)

    def executescript(self, script: str) -> None:
        with _as_sqlite3():
            self._db.execute(script)

    def backup(self, target: "Database") -> None:
        with _as_sqlite3(), target._db.backup("main", self._db, "main") as copying:
            copying.step()

    def close(self) -> None:
        with _as_sqlite3():
            self._db.close()


@dataclass(slots=True)
class _Rows:
    cursor: Any

    def fetchone(self) -> Any:
        with _as_sqlite3():
            return self.cursor.fetchone()

    def fetchall(self) -> list[Any]:
        with _as_sqlite3():
            return self.cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


@contextmanager
def _as_sqlite3() -> Generator[None]:
    try:
        yield
    except apsw.ConstraintError as error:
        raise sqlite3.IntegrityError(str(error)) from error
    except apsw.Error as error:
        raise sqlite3.OperationalError(str(error)) from error


@contextmanager
def on_disk(disk: Disk) -> Generator[None]:
    """Have the journals that are opened meanwhile on this disk."""
    connect = sqlite3.connect
    cast(Any, sqlite3).connect = disk.connect
    try:
        yield
    finally:
        cast(Any, sqlite3).connect = connect


def failure(operation: Operation) -> apsw.Error:
    """What SQLite hears from a disk that is broken."""
    error: Any = apsw.CantOpenError("cannot be opened") if operation == "open" else apsw.IOError(f"{operation} failed")
    codes = {"open": apsw.SQLITE_CANTOPEN, "write": apsw.SQLITE_IOERR_WRITE, "sync": apsw.SQLITE_IOERR_FSYNC}
    error.extendedresult = codes[operation]
    return error
