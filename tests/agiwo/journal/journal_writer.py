"""A process that writes to a journal until it is killed or told to stop, and prints each seq that is acknowledged."""

import asyncio
import sys

from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.record import Batch, Entry, RunHead, Session
from agiwo.schema.run import RunStatus


async def main(path: str, durability: str) -> None:
    journal = await SqliteJournal.open(path, durability="full" if durability == "full" else "normal")
    if await journal.run("theirs") is None:
        head = RunHead("theirs", "s", "agent", RunStatus.RUNNING, 1.0, 1.0)
        await journal.append(Session("s", "agent", 1.0, 1.0), Batch("theirs", create=head))
    told_to_stop = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
    while not told_to_stop.done():
        step = Entry("step", {}, 2.0, key=str(len(await journal.load("theirs"))), public=False)
        item = Entry("item/completed", {"text": "x" * 300}, 2.0)
        records = await journal.append(Batch("theirs", (step, item)))
        print(records[-1].seq, flush=True)
    await journal.close()


asyncio.run(main(*sys.argv[1:]))
