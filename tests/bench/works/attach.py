"""Attaching to a run that is over and reading all of it, as it is longer and longer: the daemon's CPU and its client's.

    uv run python -m tests.bench attach

The runs are copies of one that a daemon has made, with its answer so many times. Beside it stands raw `sqlite3`, which
only reads and decodes the same rows: no events are made of them there, and nothing is sent. Linux only.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import orjson
from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.event import ITEM_COMPLETED
from agiwo.schema.record import Batch, Entry, Record
from agiwo_client import connect
from bulk_store import first_run
from command import command
from measured import Check, Curve, Line, Report
from process import cpu
from spoken import daemon

LENGTHS = 100, 1_000, 10_000
GROWTH = 2.0
"""How many times what an item of a run of 1,000 costs one of 10,000 may cost."""

FLOOR = 2.0
"""How many times raw `sqlite3`'s CPU the daemon's may be, for the longest."""

NOTES = ["CPU of the daemon until its client has read every event of the run; what the client takes stands apart."]


def named(length: int) -> str:
    """The id of the run that has so many items."""
    return f"run_long{length:07}"


async def write(store: Path, first: str) -> None:
    """Runs of each length, like the first one."""
    journal = await SqliteJournal.open(store)
    head, records = await journal.run(first), await journal.load(first)
    assert head
    for length in LENGTHS:
        entries = tuple(lengthened(records, length))
        run = named(length)
        await journal.append(Batch(run, entries, head.status, create=replace(head, run=run, head=0)))
    await journal.close()


def lengthened(records: Sequence[Record], length: int) -> list[Entry]:
    """The records, of which the last item comes so many times."""
    last = max(number for number, each in enumerate(records) if each.type == ITEM_COMPLETED)
    told = [Entry(each.type, each.data, each.at, each.key, each.seq is not None, each.item) for each in records]
    item = told[last]
    again = [item._replace(key=f"again/{number}", item=f"{item.item}{number}") for number in range(length - 1)]
    return [*told[:last], *again, *told[last:]]


async def attached(home: Path, pid: int, length: int) -> tuple[float, float]:
    """Milliseconds of CPU: the daemon's, and that of this process, which is its client."""
    async with connect(home=home, autostart=False) as client:
        before, theirs = process_time(), cpu(pid)
        items = 0
        async for event in await client.attach(named(length)):
            items += event.type == ITEM_COMPLETED
        spent = 1000 * (cpu(pid) - theirs), 1000 * (process_time() - before)
        assert items >= length, items
    return spent


def raw(db: sqlite3.Connection, length: int) -> float:
    """Milliseconds of CPU to read and decode the rows."""
    before = process_time()
    rows = db.execute("SELECT body FROM record WHERE run = ? ORDER BY position", (named(length),))
    assert len([orjson.loads(row[0]) for row in rows.fetchall()]) > length
    return 1000 * (process_time() - before)


@dataclass(frozen=True)
class Measured:
    """What a run of one length has cost, in every round: the daemon, its client, and `sqlite3`."""

    length: int
    daemon: Sequence[float]
    client: Sequence[float]
    floor: Sequence[float]

    @property
    def ratio(self) -> float:
        """How many times the floor's the daemon's CPU is."""
        return median(own / floor for own, floor in zip(self.daemon, self.floor, strict=True))


def measured(home: Path, pid: int, length: int, rounds: int) -> Measured:
    """All of them in turns, after a warm-up."""
    with closing(sqlite3.connect(home / "data" / "agiwod.db")) as db:
        taken = [(*asyncio.run(attached(home, pid, length)), raw(db, length)) for _ in range(rounds + 1)]
    return Measured(length, *zip(*taken[1:], strict=True))


def measure(rounds: int) -> Report:
    """Each length, over one daemon."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        store = home / "data" / "agiwod.db"
        asyncio.run(write(store, asyncio.run(first_run(home))))
        pid = stack.enter_context(daemon(home))
        found = [measured(home, pid, length, rounds) for length in LENGTHS]
    lines = [line(each) for each in found]
    less, more = (1000 * median(each.daemon) / each.length for each in found[-2:])
    lines.append(Line("an item of a run of 10,000", "µs", more, {}, [Check("of one of 1,000", more / less, GROWTH)]))
    lines.append(Line("the client, for that item", "µs", 1000 * median(found[-1].client) / LENGTHS[-1]))
    points = {
        "agiwod": [(float(each.length), median(each.daemon)) for each in found],
        "its client": [(float(each.length), median(each.client)) for each in found],
        "sqlite3": [(float(each.length), median(each.floor)) for each in found],
    }
    return Report(
        "Attaching", lines, [Curve("attach-items", "Attaching to a run", "items", "ms of CPU", points)], NOTES
    )


def line(found: Measured) -> Line:
    """A length of its own; the longest is held to twice the floor."""
    checks = [Check("of sqlite3", found.ratio, FLOOR)] if found.length == LENGTHS[-1] else []
    work = f"attach to a run of {found.length:,} items"
    return Line(work, "ms", median(found.daemon), {"sqlite3": median(found.floor)}, checks, "sqlite3")


if __name__ == "__main__":
    command(__doc__, measure, rounds=7)
