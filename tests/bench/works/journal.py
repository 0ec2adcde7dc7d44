"""The journal in a SQLite file beside raw `sqlite3`, and itself as it grows: appending, replaying, listing.

    uv run python -m tests.bench journal

Appended are 10,000 records of a usual size, a hundred to a batch and a commit, with `normal`, to a run that is under
way in a session of ours, as runs are that something is appended to. Raw is `executemany` of the same rows into the same
tables, a hundred to a transaction. What is counted is the CPU of this process, whose other threads are the journal's.
Replaying is reading all records of one run; listing is the newest hundred of all runs.
"""

import asyncio
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import orjson
from agiwo.journal.schema import connect_writer
from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.record import Batch, Entry, RunHead, Session
from agiwo.schema.run import RunStatus
from command import command
from measured import Check, Curve, Line, Report

RECORDS, GROUP, PAGE = 10_000, 100, 100
SIZES = 1_000, 10_000, 100_000
"""How many runs, to list a page of them."""

LENGTHS = 100, 1_000, 10_000
"""How many records a run has, to replay it."""

DATA = {"text": "of a usual size, a few words and a number " * 4, "usage": {"inputTokens": 812, "outputTokens": 64}}
NOTES = ["10,000 records of 250 bytes, a hundred to a commit, with `normal`; CPU of the process with all its threads."]


def head(number: int) -> RunHead:
    """A finished run of its own session."""
    at = float(number)
    return RunHead(f"run_{number:06}", f"ses_{number:06}", "agent", RunStatus.COMPLETED, at, at)


def entries(first: int, count: int) -> tuple[Entry, ...]:
    """Public records, in order."""
    return tuple(Entry("item/completed", DATA, 0.0, str(number)) for number in range(first, first + count))


async def append(journal: SqliteJournal, run: str, count: int) -> None:
    """That many records, a hundred to a commit."""
    for first in range(0, count, GROUP):
        await journal.append(Batch(run, entries(first, min(GROUP, count - first))))


def append_raw(path: Path) -> None:
    """The same rows without us."""
    with closing(connect_writer(path, "normal")) as db:
        for first in range(0, RECORDS, GROUP):
            db.execute("BEGIN IMMEDIATE")
            rows = [("raw", number, number, str(number), body(number)) for number in range(first, first + GROUP)]
            db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, CAST(? AS TEXT))", rows)
            db.execute("COMMIT")


def body(number: int) -> bytes:
    """A record's bytes, as we write them."""
    return orjson.dumps({"type": "item/completed", "at": 0.0, "data": DATA, "key": str(number)})


def replay_raw(db: sqlite3.Connection, run: str) -> None:
    """The same rows, decoded."""
    rows = db.execute("SELECT position, seq, key, body FROM record WHERE run = ? ORDER BY position", (run,))
    assert [orjson.loads(row[3]) for row in rows.fetchall()]


@contextmanager
def timed(taken: list[float]) -> Generator[None]:
    """Add the milliseconds of CPU that the block takes."""
    before = process_time()
    yield
    taken.append(1000 * (process_time() - before))


def beside_raw(work: str, ours: Sequence[float], raw: Sequence[float]) -> Line:
    """A line that is held to twice the raw figure."""
    ratio = median(own / floor for own, floor in zip(ours, raw, strict=True))
    return Line(work, "ms", median(ours), {"sqlite3": median(raw)}, [Check("of sqlite3", ratio, 2)], "sqlite3")


async def appending(folder: Path, rounds: int) -> Line:
    """Ours and raw in turns."""
    ours, raw = list[float](), list[float]()
    for number in range(rounds):
        journal = await SqliteJournal.open(folder / f"own{number}.db")
        under_way = replace(head(0), status=RunStatus.RUNNING)
        await journal.append(Session(under_way.session, "agent", 0.0, 0.0), Batch("own", create=under_way))
        with timed(ours):
            await append(journal, "own", RECORDS)
        await journal.close()
        with timed(raw):
            append_raw(folder / f"raw{number}.db")
    return beside_raw("append 10,000 records", ours, raw)


async def replaying(folder: Path, rounds: int) -> tuple[list[Line], Curve]:
    """Runs of several lengths, ours and raw in turns."""
    journal = await SqliteJournal.open(folder / "replay.db")
    lines, points = list[Line](), {"agiwod": list[tuple[float, float]](), "sqlite3": list[tuple[float, float]]()}
    for length in LENGTHS:
        run = f"run_{length}"
        await journal.append(Batch(run, create=head(length)))
        await append(journal, run, length)
        ours, raw = list[float](), list[float]()
        with closing(sqlite3.connect(folder / "replay.db")) as db:
            for _ in range(rounds):
                with timed(ours):
                    await journal.load(run)
                with timed(raw):
                    replay_raw(db, run)
        lines.append(beside_raw(f"replay a run of {length:,} records", ours, raw))
        points["agiwod"].append((length, lines[-1].ours))
        points["sqlite3"].append((length, lines[-1].others["sqlite3"]))
    await journal.close()
    return lines, Curve("journal-replay", "Replaying a run", "records of the run", "ms of CPU", points)


async def listing(folder: Path, rounds: int) -> tuple[Line, Curve]:
    """A page of the newest runs, as there are more and more of them."""
    journal = await SqliteJournal.open(folder / "list.db")
    points, written = list[tuple[float, float]](), 0
    for size in SIZES:
        for first in range(written, size, 1000):
            await journal.append(*(Batch(head(each).run, create=head(each)) for each in range(first, first + 1000)))
        written, taken = size, list[float]()
        for _ in range(10 * rounds):
            with timed(taken):
                assert len(await journal.runs(limit=PAGE)) == PAGE
        points.append((size, median(taken)))
    await journal.close()
    growth = Check("of the same with 1,000", points[-1][1] / points[0][1], 2)
    line = Line("list the newest 100 of 100,000 runs", "ms", points[-1][1], checks=[growth])
    return line, Curve("journal-list", "Listing the newest 100 runs", "stored runs", "ms of CPU", {"agiwod": points})


async def measured(rounds: int) -> Report:
    """All of it, over files that are gone afterwards."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        appended = await appending(folder, rounds)
        replayed, replay_curve = await replaying(folder, rounds)
        listed, list_curve = await listing(folder, rounds)
    return Report("The journal", [appended, *replayed, listed], [replay_curve, list_curve], NOTES)


if __name__ == "__main__":
    command(__doc__, lambda rounds: asyncio.run(measured(rounds)), rounds=7)
