"""Many clients of one real daemon: they come and go, ask too much, ask the same at once, and are cut off."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Set
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from agiwod.face.door import Door
from agiwod.runtime.runs import Ask
from agiwod.transport.unix import UnixTransport
from daemon_lab import running, scripted
from held import Held, held
from live_daemon import PATIENCE, Line, living
from wire_stream import WireStream

pytestmark = [pytest.mark.anyio, pytest.mark.soak]  # many processes, or many lives

CLIENTS = 200
REQUESTS = 10_000
IN_FLIGHT = 64
WARM_UP = 3
"""Times until as many were there at once as ever will be: what an allocator then has, it keeps."""

SLACK = 6 * 2**20
"""Bytes that an allocator may keep of what it once had."""

LONG = {"text": "word " * 4000, "deltas": 4000, "delayMs": 50}
"""Says a word every 50 ms for longer than any test takes."""

AGENTS: Mapping[str, Mapping[str, Any]] = {
    "long": LONG,
    "short": {"text": "one two three", "deltas": 3, "delayMs": 30},
}

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="a process is looked at in /proc")


Id = TypeVar("Id", int, str)


async def start(line: Line, agent: str, **params: Any) -> str:
    return (await line.ask("run/start", agent=agent, input="go", attach=False, **params))["result"]["runId"]


async def visit(home: Path, run: str) -> None:
    """Come, see something of the run, and go: some say goodbye, some do not."""
    line = await Line.open(home)
    await line.ask("run/attach", runId=run)
    stream = await line.read(WireStream(run), lambda stream: bool(stream.streamed))
    if len(stream.streamed) % 2:
        line.cut()
    else:
        await line.close()


async def alone(line: Line) -> None:
    """Return when no other client is connected."""
    async with asyncio.timeout(PATIENCE):
        while (await line.ask("daemon/status"))["result"]["clients"] > 1:
            pass


async def come_and_go(home: Path, times: int) -> None:
    async with living(home, AGENTS) as daemon:
        control = await Line.open(home)
        run = await start(control, "long")
        measured: list[Held] = []
        for _ in range(WARM_UP + times):
            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as clients:
                for _ in range(CLIENTS):
                    clients.create_task(visit(home, run))
            await alone(control)
            measured.append(held(daemon.process.pid))
        await control.ask("run/cancel", runId=run)
        await control.close()
        first, last = measured[WARM_UP - 1], measured[-1]
        assert last.descriptors == first.descriptors
        assert last.threads == first.threads
        assert last.memory - first.memory < SLACK, [each.memory for each in measured]


@only_linux
async def test_many_clients_come_and_go_and_leave_nothing_behind(tmp_path: Path) -> None:
    await come_and_go(tmp_path, times=3)


@only_linux
@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_many_clients_come_and_go_again_and_again_and_leave_nothing_behind(tmp_path: Path) -> None:
    await come_and_go(tmp_path, times=20)


@asynccontextmanager
async def serving_here(home: Path) -> AsyncGenerator[str]:
    """A daemon in this process that serves at the home's socket, and a run of it that goes on."""
    (home / "run").mkdir()
    ready = asyncio.Event()
    async with running(scripted("long", LONG)) as daemon:
        transport = UnixTransport(home / "run" / "agiwod.sock", ready.set)
        serving = asyncio.create_task(transport.serve(Door(daemon).converse))
        await ready.wait()
        run = (await daemon.runs.start(Ask("long", "go"))).head.run
        yield run
        await daemon.runs.cancel(run)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_a_client_that_is_gone_leaves_no_task_behind(tmp_path: Path) -> None:
    async with serving_here(tmp_path) as run:
        control = await Line.open(tmp_path)
        before = len(asyncio.all_tasks())
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(visit(tmp_path, run) for _ in range(CLIENTS)))
            while len(asyncio.all_tasks()) > before:  # the last farewells are said
                await control.ask("ping")
        await control.close()


async def answers(line: Line, ids: Set[Id]) -> dict[Id, Any]:
    """The answer to each of these requests, of which none is answered twice."""
    got: dict[Id, Any] = {}
    while len(got) < len(ids):
        frame = await line.frame()
        if "id" in frame:
            assert frame["id"] in ids
            assert frame["id"] not in got
            got[frame["id"]] = frame
    return got


def is_refusal(answer: Mapping[str, Any]) -> bool:
    """Whether it was too much; then it says when to ask again."""
    error = answer.get("error")
    if error is None:
        return False
    assert (error["code"], error["data"]["kind"], error["data"]["retryable"]) == (-32011, "overloaded", True)
    assert error["data"]["retryAfterMs"] > 0
    return True


async def ask_often(line: Line, count: int, method: str, **params: Any) -> dict[int, Any]:
    """The answers to so many requests that are sent as fast as they can be."""
    first = line.send(method, **params)
    reading = asyncio.create_task(answers(line, set(range(first, first + count))))
    for _ in range(count - 1):
        line.send(method, **params)
        await line.sent()
    return await reading


@only_linux
async def test_every_request_of_a_flood_is_answered_and_the_daemon_does_not_grow(tmp_path: Path) -> None:
    async with living(tmp_path, AGENTS) as daemon:
        line = await Line.open(tmp_path)
        run = await start(line, "short")
        await ask_often(line, REQUESTS, "run/get", runId=run)
        before = held(daemon.process.pid)
        got = await ask_often(line, REQUESTS, "run/get", runId=run)
        refused = sum(map(is_refusal, got.values()))
        assert 0 < refused < REQUESTS
        assert all(answer["result"]["runId"] == run for answer in got.values() if "result" in answer)
        assert held(daemon.process.pid).memory - before.memory < SLACK
        await line.close()


async def test_what_is_urgent_passes_a_connection_that_is_full(tmp_path: Path) -> None:
    async with living(tmp_path, AGENTS):
        line = await Line.open(tmp_path)
        run = await start(line, "long")
        waiting = [line.send("run/wait", runId=run) for _ in range(IN_FLIGHT)]
        assert all(map(is_refusal, (await ask_often(line, 1000, "run/get", runId=run)).values()))
        assert not any(map(is_refusal, (await ask_often(line, 1000, "ping")).values()))
        other = await Line.open(tmp_path)
        assert (await other.ask("run/get", runId=run))["result"]["status"] == "running"
        line.tell("$/cancelRequest", id=waiting[0])
        assert (await answers(line, {waiting[0]}))[waiting[0]]["error"]["code"] == -32800
        assert (await line.ask("run/get", runId=run))["result"]["runId"] == run
        cancel = line.send("run/cancel", runId=run)
        ended = await answers(line, {cancel, *waiting[1:]})
        assert ended.pop(cancel)["result"]["accepted"]
        assert {answer["result"]["status"] for answer in ended.values()} == {"cancelled"}
        for each in (line, other):
            await each.close()


@only_linux
async def test_one_who_asks_and_does_not_read_is_not_read_either_and_then_gets_every_answer(tmp_path: Path) -> None:
    async with living(tmp_path, AGENTS) as daemon:
        line, other = await Line.open(tmp_path), await Line.open(tmp_path)
        before = held(daemon.process.pid)
        ids = [f"{number}{'x' * 3000}" for number in range(REQUESTS)]
        for id in ids:
            line.write(id=id, method="ping")
        for _ in range(100):
            assert "result" in await other.ask("ping")
        assert held(daemon.process.pid).memory - before.memory < len("".join(ids)) // 2
        got = await answers(line, set(ids))
        assert not any(map(is_refusal, got.values()))
        for each in (line, other):
            await each.close()


async def test_the_same_start_at_once_from_everywhere_starts_one_run_also_if_most_are_cut_off(tmp_path: Path) -> None:
    async with living(tmp_path, AGENTS):
        lines = [await Line.open(tmp_path) for _ in range(40)]
        for line in lines:
            line.send("run/start", agent="short", input="go", idempotencyKey="k", attach=False)
        await asyncio.gather(*(line.sent() for line in lines))
        for line in lines[10:]:
            line.cut()
        said = [(await line.frame())["result"] for line in lines[:10]]
        again = await lines[0].ask("run/start", agent="short", input="go", idempotencyKey="k", attach=False)
        assert {each["runId"] for each in said} == {again["result"]["runId"]}
        assert again["result"]["deduplicated"]
        assert Counter(each["deduplicated"] for each in said)[False] <= 1
        assert len((await lines[0].ask("run/list"))["result"]["runs"]) == 1
        for line in lines[:10]:
            await line.close()


async def ended(line: Line, run: str) -> str:
    return (await line.ask("run/wait", runId=run))["result"]["status"]


async def test_a_run_that_is_bound_to_its_client_ends_when_that_is_cut_off_and_others_go_on(tmp_path: Path) -> None:
    async with living(tmp_path, AGENTS):
        watcher, line = await Line.open(tmp_path), await Line.open(tmp_path)
        bound = await start(line, "long", onDisconnect="cancel")
        free = await start(line, "short", onDisconnect="continue")
        shared = await start(watcher, "short", idempotencyKey="shared")
        assert await start(line, "short", idempotencyKey="shared", onDisconnect="cancel") == shared
        line.cut()
        assert await ended(watcher, bound) == "cancelled"
        assert await ended(watcher, free) == "completed"
        assert await ended(watcher, shared) == "completed"
        await watcher.close()


async def test_a_bound_run_whose_client_is_cut_off_before_the_answer_does_not_go_on(tmp_path: Path) -> None:
    async with living(tmp_path, AGENTS):
        watcher = await Line.open(tmp_path)
        for number in range(20):
            line = await Line.open(tmp_path)
            if number % 2:
                line.send("ping")  # an answer that is not read turns the end into a reset
                await watcher.ask("ping")
            line.send("run/start", agent="long", input="go", onDisconnect="cancel")
            await line.sent()
            if number % 3:
                await watcher.ask("ping")
            line.cut()
        await alone(watcher)
        for run in (await watcher.ask("run/list"))["result"]["runs"]:
            assert await ended(watcher, run["runId"]) == "cancelled"
        await watcher.close()
