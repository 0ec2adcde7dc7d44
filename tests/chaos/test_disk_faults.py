"""A disk that fails at its first, second, third … operation: what is refused is said to be, and nothing is lost."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, get_args

import pytest
from agiwo.errors import StorageError
from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.record import Batch, Entry, RunHead
from agiwo.schema.run import RunStatus
from figures import Figures
from power_lab import Disk, Operation, failure, on_disk

pytestmark = [
    pytest.mark.chaos,
    # When the disk fails a statement a second time, as it does in a rollback, apsw has nobody to give the exception to.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

APPENDS: Final = 8
POINTS: Final = 100


class Fault:
    """Fails the N-th operation of a kind, and each one after it until the disk is well again."""

    def __init__(self, kind: Operation, number: int) -> None:
        self.kind, self.left = kind, number
        self.is_well = False

    @property
    def came(self) -> bool:
        return self.left <= 0

    def __call__(self, operation: Operation, path: Path) -> None:
        self.left -= operation == self.kind
        if self.came and not self.is_well and operation == self.kind:
            raise failure(operation)


def batch(number: int) -> Batch:
    entry = Entry("item/completed", {"text": f"{number} " * 3000}, 1.0, f"key{number}")
    head = RunHead("run", "session", "agent", RunStatus.RUNNING, 1.0, 1.0)
    return Batch("run", (entry,), create=head if number == 1 else None)


async def opened(path: Path, fault: Fault) -> SqliteJournal:
    """The journal, as soon as the disk lets it be opened."""
    try:
        return await SqliteJournal.open(path, durability="full")
    except StorageError:
        fault.is_well = True
        return await SqliteJournal.open(path, durability="full")


async def appended(journal: SqliteJournal, number: int, fault: Fault) -> None:
    """Append; when it is refused, again once the disk is well."""
    try:
        await journal.append(batch(number))
    except StorageError:
        assert len(await journal.load("run")) == number - 1, "what was refused is there"
        fault.is_well = True
        await journal.probe()
        await journal.append(batch(number))


async def life(path: Path, fault: Fault) -> None:
    journal = await opened(path, fault)
    try:
        for number in range(1, APPENDS + 1):
            await appended(journal, number, fault)
        assert [record.key for record in await journal.load("run")] == [f"key{n}" for n in range(1, APPENDS + 1)]
    finally:
        fault.is_well = True
        await journal.close()


def fails(path: Path, fault: Fault) -> bool:
    """Whether the disk failed in a life of a journal, which must have everything in the end."""
    disk = Disk()
    disk.before = fault
    with on_disk(disk):
        asyncio.run(life(path, fault))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM record").fetchall() == [(APPENDS,)]
    return fault.came


@pytest.mark.parametrize("kind", get_args(Operation))
def test_a_disk_that_fails_is_a_storage_error_and_the_journal_goes_on_when_it_is_well(
    kind: Operation, tmp_path: Path, figures: Figures
) -> None:
    points = 0
    while points < POINTS and fails(tmp_path / f"{points}.db", Fault(kind, points + 1)):
        points += 1
    figures(f"points at which a disk failed to {kind}", points, at_least=4)
