"""Many clients of one daemon that follow its runs, and what they saw: every event, each once, in order. No daemon."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from live_daemon import PATIENCE, Line
from wire_stream import WireStream


@dataclass(frozen=True)
class Seen:
    """What one client saw of one run: how many durable events, and the answer in the last of them."""

    events: int
    response: str


async def start(line: Line, agent: str) -> str:
    """The id of a new run that nobody follows yet."""
    return (await line.ask("run/start", agent=agent, input="go", attach=False))["result"]["runId"]


async def follow(home: Path, run: str) -> Seen:
    """Come, read the run from its first event to its last, and go. The stream itself holds every frame's place."""
    line = await Line.open(home)
    try:
        line.send("run/attach", runId=run)
        stream = await line.read(WireStream(run), lambda stream: stream.is_over)
        return Seen(stream.seq, stream.response)
    finally:
        await line.close()


async def crowd(home: Path, runs: Sequence[str], clients: int) -> list[Seen]:
    """So many clients at the same time, each with one of the runs; what each saw."""
    tasks = [asyncio.create_task(follow(home, runs[number % len(runs)])) for number in range(clients)]
    return await asyncio.gather(*tasks)


async def alone(line: Line) -> None:
    """Return when no other client is connected."""
    async with asyncio.timeout(PATIENCE):
        while (await line.ask("daemon/status"))["result"]["clients"] > 1:
            pass
