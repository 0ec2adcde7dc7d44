"""Attaching to a run that is over and reading all of it, as it is longer and longer: the client's CPU and the daemon's.

    uv run python -m tests.bench attach

The runs are copies of one that a daemon has made, with its answer so many times. Beside it stands raw `sqlite3`, which
only reads and decodes the same rows: no events are made of them there, sent, and read again. Linux only.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
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

NOTES = ["CPU of the daemon and its client together, until every event of the run has been read."]


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


async def attached(home: Path, pid: int, length: int, rounds: int) -> float:
    """Milliseconds of CPU, of this process and the daemon, after a warm-up."""
    taken = list[float]()
    async with connect(home=home, autostart=False) as client:
        for _ in range(rounds + 1):
            before = process_time() + cpu(pid)
            items = 0
            async for event in await client.attach(named(length)):
                items += event.type == ITEM_COMPLETED
            taken.append(1000 * (process_time() + cpu(pid) - before))
            assert items >= length, items
    return median(taken[1:])


def raw(store: Path, length: int, rounds: int) -> float:
    """Milliseconds of CPU to read and decode the rows."""
    taken = list[float]()
    with closing(sqlite3.connect(store)) as db:
        for _ in range(rounds):
            before = process_time()
            rows = db.execute("SELECT body FROM record WHERE run = ? ORDER BY position", (named(length),))
            assert len([orjson.loads(row[0]) for row in rows.fetchall()]) > length
            taken.append(1000 * (process_time() - before))
    return median(taken)


def measure(rounds: int) -> Report:
    """Each length, over one daemon."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        store = home / "data" / "agiwod.db"
        asyncio.run(write(store, asyncio.run(first_run(home))))
        pid = stack.enter_context(daemon(home))
        ours = [asyncio.run(attached(home, pid, length, rounds)) for length in LENGTHS]
        floor = [raw(store, length, rounds) for length in LENGTHS]
    lines = [
        Line(f"attach to a run of {length:,} items", "ms", own, {"sqlite3": its}, floor="sqlite3")
        for length, own, its in zip(LENGTHS, ours, floor, strict=True)
    ]
    less, more = (1000 * cost / length for cost, length in zip(ours[-2:], LENGTHS[-2:], strict=True))
    lines.append(Line("an item of a run of 10,000", "µs", more, {}, [Check("of one of 1,000", more / less, GROWTH)]))
    points = {
        "agiwod": list(zip(map(float, LENGTHS), ours, strict=True)),
        "sqlite3": list(zip(map(float, LENGTHS), floor, strict=True)),
    }
    return Report(
        "Attaching", lines, [Curve("attach-items", "Attaching to a run", "items", "ms of CPU", points)], NOTES
    )


if __name__ == "__main__":
    command(__doc__, measure, rounds=5)
