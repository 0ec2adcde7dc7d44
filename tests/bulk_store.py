"""A daemon's store with very many runs that are over: made in bulk by the journal's own appends. Asks no daemon."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.record import Batch, Change, Entry, Point, Record, RunHead, Session
from live_daemon import Line, living

AGENT = "brief"
TURN: Mapping[str, Any] = {"text": "one two three", "deltas": 3}

_GROUP = 500
"""Runs in one append."""

_AGO = 3600.0


async def first_run(home: Path) -> str:
    """Let a daemon make the home's store, and one run in it."""
    async with living(home, {AGENT: TURN}) as daemon:
        line = await Line.open(home)
        run = (await line.ask("run/start", agent=AGENT, input="go", attach=False))["result"]["runId"]
        assert (await line.ask("run/wait", runId=run))["result"]["status"] == "completed"
        await line.close()
        daemon.process.terminate()
        await daemon.end()
    return run


def stored(number: int) -> str:
    """The id of one of the runs that `fill` makes, counted from 1."""
    return f"run_stored{number:07}"


async def fill(home: Path, runs: int, ago: float = _AGO) -> None:
    """Bring the home's store to so many runs, each with a session of its own, like one that a daemon has made.

    All but one are so many seconds older than those of the test.
    """
    await copy_run(home, await first_run(home), runs, ago)


async def copy_run(home: Path, first: str, runs: int, ago: float = _AGO) -> None:
    """The same, out of a run that is there, while no daemon is."""
    journal = await SqliteJournal.open(home / "data" / "agiwod.db")
    try:
        head, records = await journal.run(first), await journal.load(first)
        assert head
        session = await journal.session(head.session)
        assert session
        for start in range(1, runs, _GROUP):
            numbers = range(start, min(runs, start + _GROUP))
            changes = [each for number in numbers for each in _copied(head, session, records, number, ago)]
            await journal.append(*changes)
    finally:
        await journal.close()


def _copied(head: RunHead, session: Session, records: list[Record], number: int, ago: float) -> tuple[Change, Change]:
    """The run once more, under another id."""
    run, of = stored(number), f"ses_stored{number:07}"
    shift = number * 0.001 - ago

    def text(value: str) -> str:
        return value.replace(head.run, run).replace(head.session, of)

    entries = tuple(
        Entry(
            record.type,
            json.loads(text(json.dumps(record.data))),
            record.at + shift,
            record.key,
            record.seq is not None,
            record.item and text(record.item),
        )
        for record in records
    )
    begun = replace(head, run=run, session=of, created_at=head.created_at + shift, head=0)
    told = replace(session, id=of, created_at=begun.created_at, updated_at=begun.created_at, head=Point(run))
    return told, Batch(run, entries, head.status, create=begun)
