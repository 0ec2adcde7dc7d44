"""agent/define at a real daemon: what is defined stays when the daemon is killed, until it is removed."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from live_daemon import Line, LiveDaemon, living

pytestmark = pytest.mark.anyio

TURNS = {"turns": [{"text": "defined"}], "repeat": True}


@asynccontextmanager
async def line_to(daemon: LiveDaemon) -> AsyncGenerator[Line]:
    line = await Line.open(daemon.home)
    try:
        yield line
    finally:
        await line.close()


async def agents(line: Line) -> dict[str, str]:
    found = (await line.ask("agent/list"))["result"]["agents"]
    return {each["agentId"]: each["source"] for each in found}


async def answer_of(line: Line, agent: str) -> str:
    run = (await line.ask("run/start", agent=agent, input="hi", attach=False))["result"]["runId"]
    return (await line.ask("run/wait", runId=run))["result"]["response"]


def script(home: Path) -> str:
    (home / "defined.json").write_text(json.dumps(TURNS))
    return f"scripted:{home / 'defined.json'}"


async def test_a_defined_agent_is_there_at_once_survives_a_kill_and_goes_when_it_is_removed(tmp_path: Path) -> None:
    model = script(tmp_path)
    async with living(tmp_path, {"own": {"text": "own"}}) as daemon, line_to(daemon) as line:
        definition: dict[str, Any] = {
            "agentId": "mine",
            "description": "of a client",
            "model": model,
            "systemPrompt": "Be brief.",
            "tools": ["calculator", "agent:own"],
            "approvals": [{"tool": "calculator", "action": "ask"}],
            "maxSteps": 3,
        }
        defined = (await line.ask("agent/define", **definition))["result"]
        assert defined == (await line.ask("agent/get", agentId="mine"))["result"]
        assert (defined["source"], defined["maxSteps"], defined["tools"]) == ("client", 3, ["calculator", "own"])
        assert defined["systemPrompt"].startswith("Be brief.")
        assert await answer_of(line, "mine") == "defined"
        daemon.process.kill()
        await daemon.end()
    async with living(tmp_path, {"own": {"text": "own"}}) as daemon, line_to(daemon) as line:
        assert await agents(line) == {"own": "config", "mine": "client"}
        assert await answer_of(line, "mine") == "defined"
        again = (await line.ask("agent/define", agentId="mine", model=model, description="another"))["result"]
        assert (again["description"], again["tools"]) == ("another", ["calculator", "current_time"])
        assert (await line.ask("agent/remove", agentId="mine"))["result"] == {}
        assert await agents(line) == {"own": "config"}
        assert (await line.ask("agent/remove", agentId="mine"))["error"]["code"] == -32004
    assert json.loads((tmp_path / "data" / "agents.json").read_text()) == {}
