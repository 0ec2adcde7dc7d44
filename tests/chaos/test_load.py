"""Many clients of one daemon: nothing is lost, nothing is left behind, and one that stalls harms nobody."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from crowd import alone, crowd, follow, start
from figures import Figures
from held import MIB, forget_most, held, most_memory
from live_daemon import Line, living
from wire_stream import WireStream

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

WORDS = "word " * 200
AGENTS: Mapping[str, Mapping[str, Any]] = {
    "talker": {"text": WORDS, "deltas": 200, "delayMs": 10},
    "wordy": {"text": "word " * 400_000, "deltas": 2000, "delayMs": 1},
}


async def test_two_hundred_clients_of_ten_runs_lose_nothing_and_leave_nothing_behind(
    tmp_path: Path, figures: Figures
) -> None:
    async with living(tmp_path, AGENTS) as daemon:
        control, pid = await Line.open(tmp_path), daemon.process.pid
        await crowd(tmp_path, [await start(control, "talker")], 10)  # what is loaded late is loaded
        await alone(control)
        before = held(pid)
        runs = [await start(control, "talker") for _ in range(10)]
        seen = await crowd(tmp_path, runs, 200)
        await alone(control)
        heads = {run: (await control.ask("run/get", runId=run))["result"]["headSeq"] for run in runs}
        lost = sum(heads[runs[number % 10]] - each.events for number, each in enumerate(seen))
        figures("clients that had the whole answer", sum(each.response == WORDS for each in seen), at_least=200)
        figures("durable events lost", lost, at_most=0)
        figures("descriptors left behind", held(pid).descriptors - before.descriptors, at_most=0)
        await control.close()


async def test_one_that_stalls_among_a_hundred_is_bounded_harms_nobody_and_then_has_everything(
    tmp_path: Path, figures: Figures
) -> None:
    async with living(tmp_path, AGENTS) as daemon:
        control, pid = await Line.open(tmp_path), daemon.process.pid
        stalled, left = await Line.open(tmp_path), await Line.open(tmp_path)
        run = await start(control, "wordy")
        for line in (stalled, left):
            line.send("run/attach", runId=run)
            await line.sent()
        before = held(pid)
        forget_most(pid)
        others = await crowd(tmp_path, [await start(control, "talker") for _ in range(10)], 98)
        assert {each.response for each in others} == {WORDS}
        whole = await follow(tmp_path, run)
        status = (await control.ask("daemon/status"))["result"]
        figures("clients that stall and are connected", status["clients"] - 1, at_least=2)
        figures("bytes queued for both", status["load"]["queuedBytes"] / MIB, "MiB", at_most=8)
        grown = (most_memory(pid) - before.memory) / MIB
        figures("memory with two that stall on 2 MB, and 98 others", grown, "MiB", at_most=48)
        read_on = await stalled.read(WireStream(run), lambda stream: stream.is_over)
        assert (read_on.seq, read_on.response) == (whole.events, whole.response)
        assert await came_back(tmp_path, left, run) == read_on.durable
        for line in (control, stalled):
            await line.close()


async def came_back(home: Path, left: Line, run: str) -> list[str]:
    """What one gets who reads a little, is cut off, and comes again with its last seq."""
    stream = await left.read(WireStream(run), lambda stream: stream.seq >= 2)
    left.cut()
    line = await Line.open(home)
    line.send("run/attach", runId=run, after=stream.seq)
    rest = await line.read(WireStream(run, stream.seq), lambda rest: rest.is_over)
    await line.close()
    return stream.durable + rest.durable


async def test_answers_are_quick_while_a_hundred_clients_follow_runs(tmp_path: Path, figures: Figures) -> None:
    async with living(tmp_path, AGENTS):
        control = await Line.open(tmp_path)
        runs = [await start(control, "talker") for _ in range(10)]
        following = asyncio.create_task(crowd(tmp_path, runs, 100))
        loop, slowest = asyncio.get_running_loop(), 0.0
        while not following.done():
            asked = loop.time()
            assert "result" in await control.ask("ping")
            slowest = max(slowest, loop.time() - asked)
        # Some tenths of a second: half of the work is done by the clients, on the same machine.
        figures("slowest of all pings meanwhile", slowest, "s", at_most=30)
        await following
        await control.close()
