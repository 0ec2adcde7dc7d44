"""What clients define: refused with the reason when it cannot be, kept when it can, and never in the daemon's way."""

import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agiwo.journal.memory import MemoryJournal
from agiwo_protocol.errors import Conflict, NotFound, RpcError, Unavailable
from agiwod.definer import Definer, DefinitionFile
from agiwod.roster import build_agents
from agiwod.runtime.daemon import Daemon
from agiwod.settings import load_settings
from daemon_lab import Caller, calling, running

pytestmark = pytest.mark.anyio

CONFIG = '[agents.own]\nmodel = "scripted:turns.json"\n'


@asynccontextmanager
async def at_home(home: Path, config: str = CONFIG) -> AsyncGenerator[Caller]:
    """A client of a daemon that keeps its definitions in that directory."""
    (home / "config.toml").write_text(config)
    (home / "turns.json").write_text('{"turns": [{"text": "defined"}], "repeat": true}')
    settings, file = load_settings(home, environ={}), DefinitionFile(home / "agents.json")
    daemon = Daemon(MemoryJournal(), build_agents(settings, defined=file.tables))
    daemon.definitions.definer = Definer(daemon, file, lambda: settings)
    await daemon.start()
    try:
        async with calling(daemon) as caller:
            yield caller
    finally:
        await daemon.close()


async def agents(caller: Caller) -> dict[str, str]:
    return {each["agentId"]: each["source"] for each in (await caller.call("agent/list"))["agents"]}


async def refusal(caller: Caller, method: str, **params: Any) -> RpcError:
    with pytest.raises(RpcError) as refused:
        await caller.call(method, **params)
    return refused.value


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"tools": ["calculatr"]}, "did you mean 'calculator'?"),
        ({"model": "nothing"}, "nothing"),
        ({"workspace": "here"}, "absolute"),
        ({"workspace": "/nowhere/at/all"}, "no directory"),
        ({"tools": ["agent:b"]}, "agent:b"),
        ({"tools": ["mcp:nobody/*"]}, "nobody"),
        ({"approvals": [{"tool": "bash", "action": "ask"}]}, "no tool 'bash'"),
        ({"approvals": [{"tool": "bash", "action": "maybe"}]}, "'allow', 'ask' or 'deny'"),
        ({"agentId": "a/b"}, "pattern"),
        ({"maxSteps": 0}, "greater than or equal to 1"),
        ({"runTimeout": 0}, "greater than 0"),
        ({"budget": {"tokens": -1}}, "greater than 0"),
    ],
)
async def test_what_cannot_be_made_is_refused_with_the_reason_and_changes_nothing(
    params: dict[str, Any], said: str, tmp_path: Path
) -> None:
    async with at_home(tmp_path) as caller:
        error = await refusal(caller, "agent/define", **{"agentId": "a", **params})
        assert (error.code, said in json.dumps(error.data)) == (-32602, True), error.data
        assert await agents(caller) == {"own": "config"}
        assert not (tmp_path / "agents.json").exists()


async def test_agents_of_the_settings_are_not_for_clients_to_change(tmp_path: Path) -> None:
    async with at_home(tmp_path) as caller:
        for method in ("agent/define", "agent/remove"):
            assert isinstance(await refusal(caller, method, agentId="own"), Conflict)
        assert isinstance(await refusal(caller, "agent/remove", agentId="nobody"), NotFound)
    async with at_home(tmp_path, "") as caller:
        assert isinstance(await refusal(caller, "agent/define", agentId="assistant"), Conflict)
        await caller.call("agent/define", agentId="mine")
        assert await agents(caller) == {"mine": "client", "assistant": "builtin"}


async def test_what_is_defined_again_takes_the_place_of_what_was(tmp_path: Path) -> None:
    async with at_home(tmp_path) as caller:
        await caller.call("event/subscribe", topics=["agent"])
        await caller.call("agent/define", agentId="mine", tools=["calculator"], description="one")
        again = await caller.call("agent/define", agentId="mine", description="two")
        assert (again["description"], again["tools"]) == ("two", ["calculator", "current_time"])
        await caller.call("agent/remove", agentId="mine")
        await caller.until(lambda: len(caller.told) == 3)
        told = [each.params["data"] for each in caller.told if isinstance(each.params, dict)]
        assert [(each["added"], each["removed"]) for each in told] == [(["mine"], []), ([], []), ([], ["mine"])]
        assert await agents(caller) == {"own": "config"}


async def test_an_agent_that_another_one_needs_stays(tmp_path: Path) -> None:
    async with at_home(tmp_path) as caller:
        await caller.call("agent/define", agentId="below")
        await caller.call("agent/define", agentId="above", tools=["agent:below"])
        error = await refusal(caller, "agent/remove", agentId="below")
        assert (error.kind, "'above'" in error.message) == ("conflict", True)
        for each in ("above", "below"):
            await caller.call("agent/remove", agentId=each)
        assert await agents(caller) == {"own": "config"}


async def test_a_definition_that_does_not_work_any_more_is_left_out_and_kept(tmp_path: Path) -> None:
    written: dict[str, Any] = {
        "above": {"tools": ["agent:broken"]},
        "broken": {"tools": ["gone"]},
        "own": {"description": "of a time before the settings had one"},
        "odd": {"max_steps": "x"},
        "bad": 7,
        "well": {"description": "fine"},
    }
    (tmp_path / "agents.json").write_text(json.dumps(written))
    async with at_home(tmp_path) as caller:
        assert await agents(caller) == {"own": "config", "well": "client"}
        await caller.call("agent/define", agentId="broken")
        assert await agents(caller) == {"own": "config", "well": "client", "broken": "client", "above": "client"}
        await caller.call("agent/remove", agentId="well")
    kept = json.loads((tmp_path / "agents.json").read_text())
    assert kept == {"above": written["above"], "own": written["own"], "odd": written["odd"], "bad": 7, "broken": {}}


async def test_what_was_defined_is_told_as_it_was(tmp_path: Path) -> None:
    said = {
        "tools": ["calculator"],
        "skills": ["*"],
        "workspace": str(tmp_path),
        "approvals": [{"tool": "calculator", "action": "ask"}],
        "maxSteps": 7,
    }
    async with at_home(tmp_path) as caller:
        await caller.call("agent/define", agentId="mine", **said)
        told = (await caller.call("agent/get", agentId="mine"))["definition"]

    assert told.items() >= {**said, "agentId": "mine", "approvals": told["approvals"]}.items()
    assert told["approvals"][0].items() >= {"tool": "calculator", "action": "ask"}.items()


async def test_what_somebody_wrote_into_the_file_is_no_fault_of_who_asks(tmp_path: Path) -> None:
    (tmp_path / "agents.json").write_text(
        '{"mine": {"model": "scripted:turns.json", "description": "%s"}}' % (20_000 * "x")
    )
    async with at_home(tmp_path) as caller:
        assert (await caller.call("agent/get", agentId="mine")).get("definition") is None


async def test_a_file_that_cannot_be_read_or_written_is_no_end_of_the_daemon(tmp_path: Path) -> None:
    (tmp_path / "agents.json").write_text("{")
    async with at_home(tmp_path) as caller:
        assert await agents(caller) == {"own": "config"}
        (tmp_path / f"agents.json.{os.getpid()}.new").mkdir()
        error = await refusal(caller, "agent/define", agentId="mine")
        assert (type(error), error.kind) == (Unavailable, "storage")
        assert await agents(caller) == {"own": "config"}


async def test_a_daemon_that_keeps_nothing_defines_nothing() -> None:
    async with running() as daemon, calling(daemon) as caller:
        assert isinstance(await refusal(caller, "agent/define", agentId="mine"), Conflict)
