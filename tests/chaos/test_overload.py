"""Too much at once: each bound refuses with a typed error that names it, others go on, and memory stays bounded."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
from agiwo_client import connect
from agiwo_protocol.paths import locate
from agiwod.cli.failure import CommandFailed
from agiwod.cli.probe import daemon_status
from figures import Figures
from held import MIB, forget_most, held, most_memory, sockets
from live_daemon import PATIENCE, Line, living

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

LONG = {"text": "word " * 4000, "deltas": 4000, "delayMs": 50}
AGENTS: Mapping[str, Mapping[str, Any]] = {
    "long": LONG,
    "short": {"text": "one two three", "deltas": 3},
    "wordy": {"text": "word " * 160_000},
}
TIGHT = "[limits]\nconnections = 8\nrequests = 100\nruns = 4\n"


def bound(answer: Mapping[str, Any]) -> str | None:
    """The bound that refused a request; None for one that was served."""
    if "error" not in answer:
        return None
    error = answer["error"]
    assert (error["code"], error["data"]["kind"], error["data"]["retryable"]) == (-32011, "overloaded", True)
    assert error["data"]["retryAfterMs"] > 0
    assert error["data"]["limit"] > 0
    assert any(advice in error["message"] for advice in ("ask again", "come again", "wait until"))
    return error["data"]["resource"]


async def begun(line: Line, agent: str) -> str:
    return (await line.ask("run/start", agent=agent, input="go", attach=False))["result"]["runId"]


async def answered(line: Line, ids: Sequence[int]) -> dict[int, Any]:
    """The answer to each of these requests, of which none is answered twice."""
    waiting, got = set(ids), dict[int, Any]()
    while waiting:
        frame = await line.frame()
        if "id" in frame:
            waiting.remove(frame["id"])
            got[frame["id"]] = frame
    return got


async def flood(line: Line, count: int, **params: Any) -> dict[int, Any]:
    """The answers to so many requests that are sent without waiting for any."""
    ids = [line.send("run/get", **params) for _ in range(count)]
    return await answered(line, ids)


async def lines(home: Path, stack: AsyncExitStack, count: int) -> list[Line]:
    """So many connections, closed with the stack."""
    opened = [await Line.open(home) for _ in range(count)]
    for line in opened:
        stack.push_async_callback(line.close)
    return opened


@pytest.mark.parametrize("clients", [1, 100])
async def test_ten_thousand_requests_at_once_are_each_answered_once(
    tmp_path: Path, figures: Figures, clients: int
) -> None:
    async with living(tmp_path, AGENTS) as daemon, AsyncExitStack() as stack:
        opened = await lines(tmp_path, stack, clients)
        run, pid = await begun(opened[0], "short"), daemon.process.pid
        await asyncio.gather(*(flood(line, 100, runId=run) for line in opened[:10]))  # what is loaded late is loaded
        before = held(pid)
        forget_most(pid)
        answers = await asyncio.gather(*(flood(line, 10_000 // clients, runId=run) for line in opened))
        refusals = Counter(bound(answer) for each in answers for answer in each.values())
        figures("requests answered", sum(map(len, answers)), at_least=10_000, at_most=10_000)
        figures("of them refused as overload", 10_000 - refusals[None], at_least=1)
        figures("memory at its most above before", (most_memory(pid) - before.memory) / MIB, "MiB", at_most=96)
        assert set(refusals) == {None, "requestsOfConnection"}


async def test_more_requests_than_the_daemon_serves_at_once_are_refused_and_nobody_is_shut_out(tmp_path: Path) -> None:
    async with living(tmp_path, AGENTS, TIGHT) as _, AsyncExitStack() as stack:
        busy, idle = await lines(tmp_path, stack, 3), (await lines(tmp_path, stack, 1))[0]
        run = await begun(idle, "long")
        for line in busy:
            for _ in range(40):
                line.send("run/wait", runId=run)
        refused = [await busy[-1].frame() for _ in range(20)]
        assert {bound(each) for each in refused} == {"requests"}
        assert (await idle.ask("run/get", runId=run))["result"]["status"] == "running"
        await idle.ask("run/cancel", runId=run)
        for line in busy:
            waited = [await line.frame() for _ in range(20 if line is busy[-1] else 40)]
            assert {each["result"]["status"] for each in waited} == {"cancelled"}
        assert bound(await busy[-1].ask("run/get", runId=run)) is None


async def turned_away(home: Path) -> None:
    """Connect, and be told that there are too many."""
    reader, writer = await asyncio.open_unix_connection(str(home / "run" / "agiwod.sock"))
    writer.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    assert bound(orjson.loads(await reader.readline())) == "connections"
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_one_connection_too_many_is_told_so_and_there_is_room_again_when_one_goes(
    tmp_path: Path, figures: Figures
) -> None:
    async with living(tmp_path, AGENTS, TIGHT) as daemon, AsyncExitStack() as stack:
        first, *others = await lines(tmp_path, stack, 8)
        await turned_away(tmp_path)
        before = sockets(daemon.process.pid)
        for _ in range(50):
            await turned_away(tmp_path)
        figures("sockets left by fifty that were turned away", sockets(daemon.process.pid) - before, at_most=0)
        with pytest.raises(CommandFailed, match="refuses: there may be 8 connections"):
            daemon_status(locate(tmp_path))
        for line in others:
            await line.close()
        await alone(first)
        await (await Line.open(tmp_path)).close()


async def alone(line: Line) -> None:
    """Return when no other client is connected."""
    async with asyncio.timeout(PATIENCE):
        while (await line.ask("daemon/status"))["result"]["clients"] > 1:
            pass


async def test_one_run_too_many_is_refused_whoever_asks_and_others_go_on(tmp_path: Path) -> None:
    async with living(tmp_path, AGENTS, TIGHT):
        line = await Line.open(tmp_path)
        runs = [await begun(line, "long") for _ in range(4)]
        for method in ("run/start", "scheduler/submit"):
            refused = await line.ask(method, agent="short", input="go")
            assert bound(refused) == "runs"
            assert refused["error"]["data"]["limit"] == 4
        await line.ask("run/cancel", runId=runs[0])
        assert (await line.ask("run/wait", runId=runs[0]))["result"]["status"] == "cancelled"
        again = await begun(line, "short")
        assert (await line.ask("run/wait", runId=again))["result"]["status"] == "completed"
        await line.close()


async def filled(line: Line) -> str:
    """A finished run with an answer of 800 KB."""
    run = await begun(line, "wordy")
    assert (await line.ask("run/wait", runId=run))["result"]["status"] == "completed"
    return run


async def test_one_who_asks_for_much_and_reads_nothing_is_told_to_read_and_then_has_every_answer(
    tmp_path: Path, figures: Figures
) -> None:
    async with living(tmp_path, AGENTS) as daemon, AsyncExitStack() as stack:
        greedy, other = await lines(tmp_path, stack, 2)
        run, pid = await filled(other), daemon.process.pid
        for _ in range(20):
            await other.ask("run/get", runId=run)
        before = held(pid)
        forget_most(pid)
        ids = [greedy.send("run/get", runId=run) for _ in range(64)]
        await greedy.sent()
        most = 0
        for _ in range(200):
            most = max(most, (await other.ask("daemon/status"))["result"]["load"]["queuedBytes"])
        figures("bytes queued for one who does not read", most / MIB, "MiB", at_most=8, at_least=1)
        figures("memory meanwhile", (most_memory(pid) - before.memory) / MIB, "MiB", at_most=128)
        told = Counter(bound(answer) for answer in (await answered(greedy, ids)).values())
        assert set(told) == {None, "queuedBytesOfConnection"}
        figures("long answers that were kept for it", told[None], at_least=1, at_most=16)
        assert bound(await greedy.ask("run/get", runId=run)) is None


async def test_large_messages_that_are_never_finished_are_bounded_in_bytes(tmp_path: Path, figures: Figures) -> None:
    async with living(tmp_path, AGENTS, "[limits]\nqueued_mib = 64\n") as daemon, AsyncExitStack() as stack:
        other, *opened = await lines(tmp_path, stack, 17)
        pid = daemon.process.pid
        before = held(pid)
        forget_most(pid)
        for line in opened:
            line.begin("x" * (16 * MIB))
            await line.sent()
        refused = [await line.frame() for line in opened[5:]]
        assert {bound(each) for each in refused} == {"heldBytes"}
        grown = (most_memory(pid) - before.memory) / MIB
        figures("memory while 256 MiB of unfinished messages came, of which 64 may be", grown, "MiB", at_most=160)
        assert bound(await other.ask("daemon/status")) is None
        opened[-1].begin('"}\n')
        assert bound(await opened[-1].ask("daemon/status")) is None


async def test_large_requests_that_wait_are_bounded_in_bytes(tmp_path: Path, figures: Figures) -> None:
    async with living(tmp_path, AGENTS) as daemon, AsyncExitStack() as stack:
        opened = await lines(tmp_path, stack, 12)
        run, pid = await begun(opened[0], "long"), daemon.process.pid
        before = held(pid)
        forget_most(pid)
        large = "x" * (24 * MIB)
        for line in opened:
            line.send("run/wait", runId=run, unknown=large)
            await line.sent()
        refused = [await line.frame() for line in opened[5:]]
        assert {bound(each) for each in refused} == {"requestBytes"}
        grown = (most_memory(pid) - before.memory) / MIB
        figures("memory while 288 MiB of requests came", grown, "MiB", at_most=560)
        assert (await opened[-1].ask("run/cancel", runId=run))["result"]["accepted"]
        assert {(await line.frame())["result"]["status"] for line in opened[:5]} == {"cancelled"}


async def test_many_who_wait_cost_little_each(tmp_path: Path, figures: Figures) -> None:
    async with living(tmp_path, AGENTS) as daemon, AsyncExitStack() as stack:
        control, *waiting = await lines(tmp_path, stack, 33)
        run, pid = await begun(control, "long"), daemon.process.pid
        before = held(pid)
        for line in waiting:
            for _ in range(64):
                line.send("run/wait", runId=run)
            await line.sent()
        await settled(control, run)
        each = (held(pid).memory - before.memory) / (64 * len(waiting))
        figures("memory of a request that waits", each / 1024, "KiB", at_most=40)
        await control.ask("run/cancel", runId=run)
        for line in waiting:
            assert {(await line.frame())["result"]["status"] for _ in range(64)} == {"cancelled"}


async def settled(line: Line, run: str) -> None:
    """Return when what others have sent before is taken in."""
    for _ in range(100):
        await line.ask("run/get", runId=run)


async def test_the_python_client_waits_as_it_is_told_and_asks_again(tmp_path: Path, figures: Figures) -> None:
    async with living(tmp_path, AGENTS, TIGHT), connect(home=tmp_path, autostart=False) as client:
        run = await client.start_run("short", "go")
        await run.wait()
        asked = [asyncio.create_task(client.run.get(run_id=run.id)) for _ in range(300)]
        got = await asyncio.gather(*asked)
        figures("of 300 requests at once, answered in the end", len(got), at_least=300)
        assert {each.status for each in got} == {"completed"}
