"""Servers of a real daemon: killed under load, left behind by a daemon that is killed, and public ones at work."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from agiwo.ids import fresh
from agiwo_client import Client, connect
from agiwo_protocol import mcp
from agiwo_protocol.contract import Page
from bench.interpreter import Interpreter
from server_lab import RAW, processes_with

pytestmark = pytest.mark.anyio

PATIENCE = 180.0

CONFIG = """
[agents.worker]
model = "scripted:turns.json"
tools = ["mcp:*"]
run_timeout = 3000
max_steps = 10000

[mcp.servers.raw]
command = "{python}"
args = ["-I", "-S", "{raw}", "stubborn"]
env = {{ MARK = "{mark}" }}
timeout = 20

[mcp.servers.calm]
command = "{python}"
args = ["-I", "-S", "{raw}"]
env = {{ MARK = "{mark}-calm" }}
"""


class Home:
    """A daemon with servers that can be counted."""

    def __init__(self, path: Path, config: str, turns: list[dict[str, Any]]) -> None:
        self.path, self.mark = path, fresh("mark")
        names = {"python": sys.executable, "raw": RAW, "mark": self.mark}
        (path / "config.toml").write_text(config.format(**names))
        (path / "turns.json").write_text(json.dumps({"turns": turns, "repeat": True}))

    async def start(self) -> None:
        command = (sys.executable, "-m", "agiwod.cli", "serve")
        environment = {**os.environ, "AGIWOD_HOME": str(self.path)}
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=pipe)
        assert self.process.stderr
        async with asyncio.timeout(PATIENCE):
            assert b"serves at" in await self.process.stderr.readline()

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()

    async def nothing_is_left(self) -> None:
        """Return once no process of a server lives."""
        async with asyncio.timeout(PATIENCE):
            while processes_with(self.mark):  # noqa: ASYNC110 - they are other processes
                await asyncio.sleep(0)


@asynccontextmanager
async def serving(path: Path, turns: list[dict[str, Any]], config: str = CONFIG) -> AsyncGenerator[tuple[Home, Client]]:
    home = Home(path, config, turns)
    await home.start()
    try:
        async with connect(home=path, patience=0) as client:
            yield home, client
    finally:
        await home.kill()
        await home.nothing_is_left()


async def done(client: Client) -> str | None:
    """What a run of the worker says at its end."""
    return (await (await client.start_run("worker", "go")).wait(PATIENCE)).response


def calling(*calls: str) -> list[dict[str, Any]]:
    return [*({"toolCalls": [{"name": name, "arguments": {}}]} for name in calls), {"text": "done"}]


@pytest.mark.kill
async def test_nothing_is_left_of_the_servers_of_a_daemon_that_is_killed(tmp_path: Path):
    async with serving(tmp_path, calling("mcp__raw__child")) as (home, client):
        assert await done(client) == "done"
        assert len(processes_with(home.mark)) == 5  # of each server the keeper and the server, and of one its child
        with suppress(ConnectionError):
            await home.kill()
        await home.nothing_is_left()


@pytest.mark.kill
async def test_nothing_is_left_of_the_servers_of_a_daemon_that_is_stopped(tmp_path: Path):
    async with serving(tmp_path, calling("mcp__raw__child")) as (home, client):
        await done(client)
        home.process.send_signal(signal.SIGTERM)
        await home.process.communicate()

        assert home.process.returncode == 0
        assert processes_with(home.mark) == []


@pytest.mark.kill
async def test_fifty_kills_of_a_server_under_load_leave_nothing_and_harm_nobody_else(tmp_path: Path):
    chance = random.Random(7)
    async with serving(tmp_path, calling(*["mcp__raw__child", "mcp__calm__steps", "mcp__raw__steps"] * 3)) as (
        home,
        client,
    ):
        assert await done(client) == "done"
        load = [asyncio.create_task(work(client)) for _ in range(4)]
        for _ in range(50):
            found = processes_with(home.mark)
            calm = processes_with(f"{home.mark}-calm")
            victims = [pid for pid in found if pid not in calm]
            if victims:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(victims), signal.SIGKILL)
            raw, calm_server = (await client.call(mcp.LIST, Page())).servers
            if raw.status in ("failed", "parked"):
                assert (await client.call(mcp.RESTART, mcp.RestartParams(name="raw"))).status == "ready"
            assert (calm_server.status, calm_server.restarts) == ("ready", 0)
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)
        assert await done(client) == "done"
        await client.call(mcp.RESTART, mcp.RestartParams(name="raw"))
        assert len(processes_with(home.mark)) == 4  # two keepers and two servers, and nobody's child
        home.process.send_signal(signal.SIGTERM)
        await home.process.communicate()
        assert processes_with(home.mark) == []


async def work(client: Client) -> None:
    while True:
        await done(client)


PUBLIC = """
[agents.worker]
model = "scripted:turns.json"
tools = ["mcp:time/*"]

[mcp.servers.time]
command = "{python}"
args = ["-m", "mcp_server_time", "--local-timezone", "Europe/Paris"]
env = {{ MARK = "{mark}" }}
"""


@pytest.mark.soak
async def test_an_agent_uses_a_public_server(tmp_path: Path):
    interpreter = Interpreter("mcp-server-time-2026.10.19", {"mcp-server-time": "2026.10.19"})
    if not interpreter.install():
        pytest.skip("the package index does not answer")
    asked = {"source_timezone": "Europe/Paris", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    turns = [{"toolCalls": [{"name": "mcp__time__convert_time", "arguments": asked}]}, {"text": "done"}]
    async with serving(tmp_path, turns, PUBLIC.replace("{python}", str(interpreter.python))) as (_, client):
        events = [event async for event in await client.start_run("worker", "go")]
        call = next(each.data for each in events if each.data.get("kind") == "toolCall" and each.seq)

    assert call["name"] == "mcp__time__convert_time"
    assert "Asia/Tokyo" in call["output"]["content"]
    assert not call["output"]["isError"]


BELOW = """
[agents.helper]
description = "Says hello"
model = "scripted:turns.json"
"""

ABOVE = """
[agents.worker]
model = "scripted:turns.json"
tools = ["mcp:other/helper"]

[mcp.servers.other]
command = "{python}"
args = ["-m", "agiwod.cli", "mcp"]
env = {{ AGIWOD_HOME = "OTHER", MARK = "{mark}" }}
"""


@pytest.mark.soak
async def test_an_agent_calls_an_agent_of_another_daemon_and_hears_it_speak(tmp_path: Path):
    above, below = tmp_path / "above", tmp_path / "below"
    above.mkdir()
    below.mkdir()
    said = {"text": "hello from below", "deltas": 4, "delayMs": 100}
    asked = {"toolCalls": [{"name": "mcp__other__helper", "arguments": {"input": "Say hello."}}]}
    calls, config = [asked, {"text": "done"}], ABOVE.replace("OTHER", str(below))
    async with serving(below, [said], BELOW), serving(above, calls, config) as (_, client):
        events = [event async for event in await client.start_run("worker", "go")]

    heard = "".join(each.data["text"] for each in events if each.data.get("kind") == "toolOutput")
    call = next(each.data for each in events if each.data.get("kind") == "toolCall" and each.seq)
    assert heard == "hello from below"
    assert (call["output"]["content"], call["output"]["value"]["response"]) == ("hello from below", "hello from below")
