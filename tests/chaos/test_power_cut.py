"""The power is cut under a journal, at any operation of the disk: what was acknowledged is there when it comes back."""

import asyncio
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

import pytest
from agiwo.journal.schema import MIGRATIONS, Durability
from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.record import Batch, Entry, RunHead
from agiwo.schema.run import RunStatus
from figures import Figures
from power_lab import Disk, Image, Operation, Way, on_disk

LONG: Final = [pytest.mark.soak, pytest.mark.timeout(3600)]

RUNS: Final = 6
LIVES: Final = 3
APPENDS: Final = 6
SOME: Final = 40
WAYS: Final = get_args(Way)


@dataclass(frozen=True)
class Cut:
    """What a cut left, and how much of each run was acknowledged at that moment."""

    files: Mapping[str, bytes]
    acknowledged: Mapping[str, int]


@dataclass
class Power:
    """Cuts the power, as far as the disk tells, in the moments that chance chooses; life goes on beside it."""

    disk: Disk
    chance: random.Random
    rate: float
    acknowledged: dict[str, int] = field(default_factory=dict[str, int])
    cuts: list[Cut] = field(default_factory=list[Cut])

    def __call__(self, operation: Operation, path: Path) -> None:
        if self.chance.random() < self.rate:
            known = dict(self.acknowledged)  # before the disk is looked at: what is acknowledged later does not count
            self.cuts.append(Cut(self.disk.after_cut(self.chance.choice(WAYS), self.chance), known))


def text_of(run: str, seq: int) -> str:
    """What is recorded there: little, more than a page, or what is stored by its hash."""
    return f"{run}/{seq} " * random.Random(f"{run}/{seq}").choice((*[1] * 20, *[100] * 20, 15_000))


def entry(run: str, seq: int) -> Entry:
    return Entry("item/completed", {"text": text_of(run, seq)}, 1.0, f"key{seq}")


def head(run: str) -> RunHead:
    return RunHead(run, f"session of {run}", "agent", RunStatus.RUNNING, 1.0, 1.0)


async def lives(path: Path, durability: Durability, power: Power) -> None:
    """Runs grow side by side, each with a twin that grows in the same commits; the file is opened again and again."""
    for life in range(LIVES):
        journal = await SqliteJournal.open(path, durability=durability, owner="owner")
        await asyncio.gather(*(grow(journal, f"run{number}", life, power) for number in range(RUNS)))
        await journal.close()


async def grow(journal: SqliteJournal, run: str, life: int, power: Power) -> None:
    for number in range(life * APPENDS + 1, (life + 1) * APPENDS + 1):
        twins = (run, f"twin of {run}")
        new = number == 1
        await journal.append(*(Batch(id, (entry(id, number),), create=head(id) if new else None) for id in twins))
        power.acknowledged.update(dict.fromkeys(twins, number))


def left_by(cut: Cut, place: Path) -> Mapping[str, int]:
    """How much of each run is there after a cut. Fails when anything is broken, and not only lost."""
    place.mkdir()
    for name, content in cut.files.items():
        if content:
            (place / name).write_bytes(content)
    there = asyncio.run(found(place / "journal.db"))
    with closing(sqlite3.connect(place / "journal.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return there


def lost_in(cut: Cut, place: Path) -> int:
    """How many acknowledged records are not there after a cut; nor is a part of any commit, in any case."""
    there = left_by(cut, place)
    for run in there:
        assert there.get(f"twin of {run.removeprefix('twin of ')}", 0) == there[run], "half of a commit is there"
    return sum(max(0, seq - there.get(run, 0)) for run, seq in cut.acknowledged.items())


async def found(path: Path) -> dict[str, int]:
    """How much of each run is there, all of which is as it was written."""
    journal = await SqliteJournal.open(path)
    try:
        there: dict[str, int] = {}
        for run in await journal.runs():
            records = await journal.load(run.run)
            assert [record.seq for record in records] == list(range(1, len(records) + 1))
            assert all(record.data["text"] == text_of(record.run, record.position) for record in records)
            there[run.run] = len(records)
        await journal.append(Batch("new", (entry("new", 1),), create=head("new")))  # it takes more
        return there
    finally:
        await journal.close()


def cuts_of(folder: Path, durability: Durability, wanted: int, seed: int) -> list[Cut]:
    """So many cuts of lives of a journal with this durability."""
    chance, cuts = random.Random(seed), list[Cut]()
    while len(cuts) < wanted:
        disk = Disk()
        power = Power(disk, chance, 0.05)
        disk.before = power
        place = Path(tempfile.mkdtemp(dir=folder))
        with on_disk(disk):
            asyncio.run(lives(place / "journal.db", durability, power))
        cuts += chance.sample(power.cuts, min(len(power.cuts), wanted - len(cuts)))
    return cuts


def count_lost(folder: Path, durability: Durability, cuts: int) -> int:
    """How many acknowledged records were lost in so many cuts, which are made and looked at some at a time."""
    lost = 0
    for seed in range(0, cuts, SOME):
        for number, cut in enumerate(cuts_of(folder, durability, min(SOME, cuts - seed), seed)):
            lost += lost_in(cut, folder / f"{seed}-{number}")
            shutil.rmtree(folder / f"{seed}-{number}")
    return lost


@pytest.mark.parametrize("cuts", [pytest.param(40, marks=pytest.mark.chaos), pytest.param(2000, marks=LONG)])
def test_a_power_cut_loses_nothing_that_was_acknowledged_with_full(cuts: int, tmp_path: Path, figures: Figures) -> None:
    lost = count_lost(tmp_path, "full", cuts)
    figures(f"acknowledged records lost in {cuts} power cuts with `full`", lost, at_most=0)


@pytest.mark.parametrize("cuts", [pytest.param(12, marks=pytest.mark.chaos), pytest.param(2000, marks=LONG)])
def test_a_power_cut_breaks_nothing_with_normal_and_the_test_sees_what_is_lost(
    cuts: int, tmp_path: Path, figures: Figures
) -> None:
    lost = count_lost(tmp_path, "normal", cuts)
    figures(f"acknowledged records lost in {cuts} power cuts with `normal`, the control", lost, at_least=1)


@pytest.mark.chaos
def test_a_power_cut_in_the_middle_of_a_migration_leaves_a_file_that_can_be_opened(
    tmp_path: Path, figures: Figures
) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1; INSERT INTO meta VALUES ('epoch', 'first');")
        database.execute("INSERT INTO run VALUES (1, 'r', 's', 'agent', 'completed', 1.0, 2.0, NULL, 0, 0, 'gone')")
        database.commit()
    disk = Disk()
    disk.images[path] = Image(bytearray(path.read_bytes()))
    power = disk.before = Power(disk, random.Random(2026), 0.6)
    with on_disk(disk):
        asyncio.run(opened(path))
    for number, cut in enumerate(power.cuts):
        files = {name: content for name, content in cut.files.items() if not name.endswith(".part")}
        assert "r" in left_by(Cut(files, {}), tmp_path / str(number))
    figures("power cuts during a migration", len(power.cuts), at_least=10)


async def opened(path: Path) -> None:
    await (await SqliteJournal.open(path, durability="full")).close()
