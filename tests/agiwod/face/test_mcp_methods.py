from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.journal.memory import MemoryJournal
from agiwo.mcp import McpServers
from agiwo.schema.tool import ExecutionContext
from agiwo.testing import ScriptedModel
from agiwo_protocol.errors import RpcError
from agiwod.runtime.agents import Agents, Registered
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.foreign import LeftOut
from daemon_lab import Caller, calling
from server_lab import raw_server

pytestmark = pytest.mark.anyio

CALLS: list[dict[str, Any]] = [{"toolCalls": [{"name": "mcp__raw__steps", "arguments": {}}]}, {"text": "done"}]


@pytest.fixture
async def daemon():
    """A daemon that has begun, with a server that works and one that does not, and an agent of the first."""
    servers = McpServers(raw_server("raw", tools=("steps", "change", "new")), raw_server("bad", "crash"))
    agent = Agent("a", "", ScriptedModel(turns=CALLS), tools=[servers.tools("mcp:raw/*")])
    left_out = [LeftOut("/x/mcp.json", "it is disabled there", "off")]
    daemon = Daemon(MemoryJournal(), Agents([Registered(agent)]), foreign=servers, left_out=left_out)
    await daemon.start()
    yield daemon
    await daemon.close()
    assert [state.status for state in servers.states()] == ["stopped", "stopped"]


async def told(caller: Caller, type: str, name: str, **data: Any) -> dict[str, Any]:
    """The event of the daemon's that says this of a server."""
    wanted = {"name": name, **data}.items()

    def found() -> list[dict[str, Any]]:
        events: list[Any] = [each.params for each in caller.told if each.method == "daemon/event"]
        return [each["data"] for each in events if each["type"] == type and wanted <= each["data"].items()]

    await caller.until(lambda: bool(found()))
    return found()[-1]


async def test_a_daemon_begins_at_once_and_tells_of_its_servers_when_they_are_ready(daemon: Daemon):
    async with calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["mcp"], after=0)
        assert await told(caller, "mcp/changed", "raw", status="ready") == {
            "name": "raw",
            "status": "ready",
            "tools": 2,
        }
        await told(caller, "mcp/changed", "bad", status="failed")
        found = await caller.call("mcp/list")

    (raw, bad) = found["servers"]
    assert (raw["status"], raw["title"], raw["transport"]) == ("ready", "raw 1.0", "stdio")
    assert raw["tools"] == ["mcp:raw/steps", "mcp:raw/change"]
    assert (bad["status"], bad["error"]) == ("failed", "it ended with code 1: I cannot begin")
    assert found["skipped"] == [{"path": "/x/mcp.json", "name": "off", "reason": "it is disabled there"}]


async def test_a_run_waits_for_its_servers_and_shows_what_they_say_while_they_work(daemon: Daemon):
    async with calling(daemon) as caller:
        stream = await caller.read(await caller.start("a"))
        tools = (await caller.call("tool/list", limit=1000))["tools"]

        frames: list[Any] = [each.params for each in caller.told if each.method == "run/event"]

    said = [each["data"]["text"] for each in frames if each["data"].get("kind") == "toolOutput"]
    assert sorted("".join(said).splitlines()) == ["[1/2] step 1", "[2/2] step 2", "[info] going"]
    assert stream.response == "done"
    named = next(tool for tool in tools if tool["name"] == "mcp:raw/steps")
    assert named == {
        "name": "mcp:raw/steps",
        "modelName": "mcp__raw__steps",
        "description": "Tells how far it is.",
        "effect": "once",
        "asks": False,
        "source": "mcp:raw",
    }


async def test_a_server_is_started_again_when_a_client_asks_for_it(daemon: Daemon):
    async with calling(daemon) as caller:
        assert (await caller.call("mcp/restart", name="raw"))["status"] == "ready"
        assert (await caller.call("mcp/restart", name="bad"))["status"] == "failed"
        with pytest.raises(RpcError, match="no MCP server 'row'; there are raw, bad") as refused:
            await caller.call("mcp/restart", name="row")
        assert refused.value.kind == "not_found"


async def test_tools_that_change_are_told_and_are_those_of_the_next_run(daemon: Daemon):
    async with calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["mcp"], after=0)
        await told(caller, "mcp/changed", "raw", status="ready")
        (change,) = daemon.foreign.servers.matching(["mcp:raw/change"])
        await change.execute({}, ExecutionContext("s", "r"))
        await told(caller, "mcp/toolsChanged", "raw", added=["new"])

    assert {"mcp__raw__new"} <= daemon.agents.get("a").agent.tool_names
