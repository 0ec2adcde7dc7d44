"""A daemon that is told to stop, or whose host dies, while it is busy: it stops, nothing is left, and runs go on."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from figures import Figures
from forked_daemons import ForkedDaemon, Forks, forking
from live_daemon import Line
from marked import Mark
from terminal_lab import AGIWOD, PATIENCE, home_at

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

SERVER = Path(__file__).parents[1] / "mcp_patient_server.py"
BUSY = "setsid sleep 600 & echo $$ > busy.new; mv busy.new busy; sleep 600"
"""A command that starts one which leaves its group, and says when it is at work."""

_LOOK_AGAIN = 0.01


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with forking() as forks:
        yield forks


def furnish(home: Path, drain: float) -> Mark:
    """A home with an agent for each thing that may be under way."""
    home.mkdir()
    (home / "told").touch()
    turns = {
        "talker": [{"text": " ".join(map(str, range(100))), "deltas": 100, "delayMs": 10_000}],
        "worker": [{"toolCalls": [{"name": "bash", "arguments": {"command": BUSY}}]}, {"text": "worked"}],
        "caller": [{"toolCalls": [{"name": "mcp__patient__rest", "arguments": {"key": "it"}}]}, {"text": "called"}],
    }
    for agent, said in turns.items():
        (home / f"{agent}.json").write_text(json.dumps({"turns": said, "repeat": True}))
    (home / "config.toml").write_text(f"""
[serve]
drain_seconds = {drain}
[agents.talker]
model = "scripted:talker.json"
[agents.worker]
model = "scripted:worker.json"
tools = ["bash"]
workspace = "{home}"
[[agents.worker.approvals]]
tool = "bash"
action = "allow"
[agents.caller]
model = "scripted:caller.json"
tools = ["mcp:patient/*"]
[mcp.servers.patient]
command = "{sys.executable}"
args = ["-I", "-S", "{SERVER}", "{home / "told"}"]
timeout = 600
""")
    return Mark(home)


async def until(is_so: Any, what: str) -> None:
    """Return once it is: only the system knows, and it tells nobody."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(_LOOK_AGAIN)
    assert is_so(), what


class Busy:
    """A daemon with runs under way, and a client that hears what it says."""

    def __init__(self, daemon: ForkedDaemon, line: Line) -> None:
        self.daemon, self.home, self.line = daemon, daemon.home, line
        self.runs: dict[str, str] = {}

    async def answer(self, method: str, **params: Any) -> Any:
        """The answer among all else that is said."""
        id = self.line.send(method, **params)
        while (said := await self.line.frame()).get("id") != id:
            pass
        return said

    async def hear(self, method: str) -> Any:
        while (said := await self.line.frame()).get("method") != method:
            pass
        return said["params"]

    async def begin(self) -> None:
        """Have all of it under way."""
        for agent in ("talker", "worker", "caller"):
            started = await self.answer("run/start", agent=agent, input="go")
            self.runs[agent] = started["result"]["runId"]
        await until((self.home / "busy").exists, "the command does not run")
        await until(lambda: "called" in (self.home / "told").read_text(), "the server was not called")

    async def end(self) -> tuple[int, str, str]:
        """The exit code, what was said on stderr, and what stands in the log."""
        self.line.cut()
        code, said = await self.daemon.end()
        return code, said, (self.home / "state" / "agiwod.log").read_text()


@asynccontextmanager
async def busy(forks: Forks, home: Path, drain: float) -> AsyncGenerator[tuple[Busy, Mark]]:
    mark = furnish(home, drain)
    try:
        daemon = await forks.start(home, HOME=str(home))
        assert await daemon.is_ready()
        found = Busy(daemon, await Line.open(home))
        await found.begin()
        yield found, mark
    finally:
        mark.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_closes_the_door_at_once_and_what_does_not_end_in_time_goes_on_later(
    tmp_path: Path, forks: Forks, figures: Figures, number: signal.Signals
) -> None:
    async with busy(forks, tmp_path / "home", drain=1) as (stopped, mark):
        figures("processes of tools and servers", len(mark.pids()), at_least=4)
        begun = time.monotonic()
        stopped.daemon.kill(number)
        assert (await stopped.hear("daemon/draining"))["deadlineAt"]
        # 0.1 s where nothing else is at work; whoever waits for a run first waits for a quarter of an hour.
        figures("from the signal to a closed door", time.monotonic() - begun, "s", at_most=60)
        assert (await stopped.answer("run/start", agent="talker", input="more"))["error"]["code"] == -32012
        assert (await stopped.answer("run/get", runId=stopped.runs["talker"]))["result"]["status"] == "running"
        code, said, log = await stopped.end()
        figures("from the signal to the end, of a drain of 1 s", time.monotonic() - begun, "s", at_least=1, at_most=60)
        figures("exit code", code, at_most=0, at_least=0)
        figures("processes that are left", len(mark.left_after(PATIENCE)), at_most=0)
        assert "Traceback" not in said + log
        assert "some runs are still at work; they go on at the next start" in log
        assert not (stopped.home / "run" / "agiwod.sock").exists()

        following = await forks.start(stopped.home, HOME=str(stopped.home))
        assert await following.is_ready()
        line = await Line.open(stopped.home)
        resumed = Busy(following, line)
        ended = {}
        for agent, run in stopped.runs.items():
            ended[agent] = (
                (await resumed.answer("run/wait", runId=run))["result"]["status"] if agent == "worker" else ""
            )
            events = (await resumed.answer("run/events", runId=run))["result"]["events"]
            assert "run/resumed" in [event["type"] for event in events], agent
        assert ended["worker"] == "completed"  # told that nobody knows what became of its command
        following.kill(signal.SIGTERM)
        following.kill(signal.SIGTERM)
        assert (await resumed.end())[0] == 0
        assert not mark.left_after(PATIENCE)


async def test_a_second_signal_does_not_wait_and_a_flood_of_them_breaks_nothing(
    tmp_path: Path, forks: Forks, figures: Figures
) -> None:
    async with busy(forks, tmp_path / "home", drain=600) as (stopped, mark):
        begun = time.monotonic()
        stopped.daemon.kill(signal.SIGTERM)
        await stopped.hear("daemon/draining")
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            stopped.daemon.kill(number)
        code, said, log = await stopped.end()
        figures("from the first signal to the end, of a drain of 600 s", time.monotonic() - begun, "s", at_most=60)
        figures("exit code", code, at_most=0, at_least=0)
        figures("processes that are left", len(mark.left_after(PATIENCE)), at_most=0)
        assert "Traceback" not in said + log


async def test_settings_that_cannot_work_change_nothing_while_runs_go_on(tmp_path: Path, forks: Forks) -> None:
    async with busy(forks, tmp_path / "home", drain=0) as (changed, _):
        await changed.answer("event/subscribe", topics=["daemon", "agent"])
        config = changed.home / "config.toml"
        good = config.read_text()
        for bad in ("nonsense = 1\n", '[agents.talker]\ntools = ["hammer"]\n', "[[["):
            config.write_text(bad)
            changed.daemon.kill(signal.SIGHUP)
            await changed.hear("daemon/event")
            status = (await changed.answer("daemon/status"))["result"]
            assert (status["config"]["state"], status["runs"]["running"]) == ("failed", 3), bad
            assert str(config) in status["config"]["error"]
            agents = (await changed.answer("agent/list"))["result"]["agents"]
            assert {each["agentId"] for each in agents} >= {"talker", "worker", "caller"}
        config.write_text(good + '[agents.more]\nmodel = "scripted:talker.json"\n')
        changed.daemon.kill(signal.SIGHUP)
        while (await changed.hear("daemon/event"))["type"] != "daemon/reloaded":
            pass
        assert (await changed.answer("run/start", agent="more", input="go"))["result"]["status"]
        changed.daemon.kill(signal.SIGTERM)
        code, said, log = await changed.end()
        assert (code, "Traceback" in said + log) == (0, False)


HOST = """
import json, subprocess, sys, time
pipe = subprocess.PIPE
child = subprocess.Popen([sys.argv[1], "stdio", *sys.argv[2:]], stdin=pipe, stdout=pipe, text=True)
hello = {"protocolVersion": 1, "clientInfo": {"name": "host"}}
for id, method, params in (
    (1, "initialize", hello), (2, "run/start", {"agent": "worker", "input": "go", "attach": False}),
):
    child.stdin.write(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}) + "\\n")
    child.stdin.flush()
    answer = json.loads(child.stdout.readline())
run = answer["result"]["runId"]
child.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 3, "method": "run/wait", "params": {"runId": run}}) + "\\n")
child.stdin.flush()
print(run, flush=True)
if sys.stdin.readline():
    child.stdin.close()
    print(child.stdout.read().count('"id":3'), child.wait(), flush=True)
"""
"""A host that has a run under way and waits for it; told by a line, it closes its child's stdin."""


def spawn(*command: str, **environ: str) -> "subprocess.Popen[str]":
    """A process with pipes."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env={**os.environ, **environ})


@pytest.mark.parametrize("way", ["the host is killed", "stdin ends"])
async def test_a_daemon_for_one_host_ends_with_it_however_busy(tmp_path: Path, figures: Figures, way: str) -> None:
    home = tmp_path / "home"
    mark = furnish(home, drain=600)
    with spawn(sys.executable, "-c", HOST, AGIWOD, "--standalone", AGIWOD_HOME=str(home), **mark.env) as host:
        try:
            assert host.stdin
            assert host.stdout
            run = host.stdout.readline().strip()
            await until((home / "busy").exists, "the command does not run")
            begun = time.monotonic()
            if way == "stdin ends":
                host.stdin.write("now\n")
                host.stdin.flush()
                answers, code = host.stdout.readline().split()
                figures("answers to the request under way", int(answers), at_least=1, at_most=1)
                figures("exit code", int(code), at_least=0, at_most=0)
            else:
                host.kill()
            host.stdin.close()
            left = mark.left_after(PATIENCE)
            # 5 s where nothing else is at work, and not the ten minutes of its drain.
            figures("from there to the end of all", time.monotonic() - begun, "s", at_most=PATIENCE)
            figures("processes that are left", len(left), at_most=0)
        finally:
            mark.kill()
    assert "Traceback" not in (home / "state" / "agiwod.log").read_text()
    assert run


async def test_a_host_that_dies_takes_no_daemon_of_others_with_it(tmp_path: Path, forks: Forks) -> None:
    home = tmp_path / "home"
    mark = furnish(home, drain=0)
    try:
        daemon = await forks.start(home, HOME=str(home))
        assert await daemon.is_ready()
        with spawn(sys.executable, "-c", HOST, AGIWOD, AGIWOD_HOME=str(home), **mark.env) as host:
            assert host.stdout
            run = host.stdout.readline().strip()
            host.kill()
        alone = Busy(daemon, await Line.open(home))
        assert (await alone.answer("run/get", runId=run))["result"]["status"] == "running"
        daemon.kill(signal.SIGTERM)
        assert (await alone.end())[0] == 0
        assert not mark.left_after(PATIENCE)
    finally:
        mark.kill()


async def test_of_those_who_start_it_at_once_after_a_kill_one_does(
    tmp_path: Path, forks: Forks, figures: Figures
) -> None:
    """Fifty of them race in `-m soak`; here it is a dozen, behind a stale socket and lock."""
    with home_at(tmp_path / "home") as home:
        killed = await forks.start(home.path)
        assert await killed.is_ready()
        killed.kill(signal.SIGKILL)
        await killed.end()
        assert home.paths.socket.exists()
        assert (home.paths.data_dir / "daemon.lock").read_text() == str(killed.pid)
        racers = [spawn(AGIWOD, "start", **home.env) for _ in range(12)]
        said = [racer.communicate(timeout=PATIENCE) for racer in racers]
        assert {(racer.returncode, err) for racer, (_, err) in zip(racers, said, strict=True)} == {(0, "")}
        verbs = [out.partition(": ")[0] for out, _ in said]
        figures("daemons that were started", verbs.count("agiwod started"), at_least=1, at_most=1)
        figures("who say that it runs already", verbs.count("agiwod runs already"), at_least=11)
        figures("daemons", len({out.partition(": ")[2] for out, _ in said}), at_most=1)
