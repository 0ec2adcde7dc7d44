"""MCP over HTTP: both eras, many clients, and an end that leaves nothing behind."""

import asyncio
from typing import Any

import anyio
import pytest
from agent_lab import Careful
from agiwo.agent import Agent
from agiwo.schema.run import RunStatus
from agiwo.testing import ScriptedModel
from daemon_lab import PATIENCE, LiveModel, running
from http_lab import on_the_web
from mcp.server.subscriptions import ToolsListChanged
from mcp_lab import ERAS, Era, asking_over_http
from mcp_types import ElicitResult

pytestmark = pytest.mark.anyio

MODERN = "2026-07-28"


def request(method: str, params: dict[str, Any], id: int = 1) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": {**params, "_meta": meta}}


def headers(method: str, name: str | None = None) -> dict[str, str]:
    named = {} if name is None else {"Mcp-Name": name}
    return {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": method,
        **named,
    }


@pytest.mark.parametrize("era", ERAS)
async def test_an_agent_is_called_and_heard_over_http(era: Era) -> None:
    heard: list[str | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    async with running() as daemon, on_the_web(daemon) as web, asking_over_http(web, era) as client:
        result = await client.call_tool("echo", {"input": "hi"}, progress_callback=hear)
        assert (result.structured_content["response"], "".join(map(str, heard))) == ("hello world", "hello world")
        tools = client.server_capabilities.tools
        assert tools
        assert tools.list_changed


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_is_cancelled_over_http_cancels_its_run(era: Era) -> None:
    model = LiveModel()
    slow = Agent("slow", "", model, [])
    async with running(slow) as daemon, on_the_web(daemon) as web, asking_over_http(web, era) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "slow", {"input": "hi"})
            await model.asked.wait()
            tasks.cancel_scope.cancel()
        run = (await daemon.runs.list())[0].head.run
        assert (await daemon.runs.result(run)).status == RunStatus.CANCELLED


@pytest.mark.parametrize("era", ERAS)
async def test_the_user_is_asked_over_http(era: Era) -> None:
    async def allow(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"decision": "allow_once"})

    tool = Careful("delete")
    turns = [{"toolCalls": [{"name": "delete", "arguments": {"n": 1}}]}, {"text": "Done."}]
    careful = Agent("careful", "", ScriptedModel(turns=turns), [tool])
    async with (
        running(careful) as daemon,
        on_the_web(daemon) as web,
        asking_over_http(web, era, elicitation_callback=allow) as client,
    ):
        result = await client.call_tool("careful", {"input": "hi"})
        assert (result.structured_content["response"], len(tool.calls)) == ("Done.", 1)


async def test_changes_are_heard_over_http() -> None:
    async with (
        running() as daemon,
        on_the_web(daemon) as web,
        asking_over_http(web) as client,
        client.listen(tools_list_changed=True) as changes,
    ):
        daemon.events.publish("agent", "agent/changed", {"added": ["new"], "removed": []})
        async with asyncio.timeout(PATIENCE):
            assert await anext(changes) == ToolsListChanged()


async def test_many_clients_with_the_same_ids_get_each_their_own_answer() -> None:
    async with running() as daemon, on_the_web(daemon) as web:

        async def call(number: int) -> None:
            body = request("tools/call", {"name": "echo", "arguments": {"input": "hi", "sessionId": f"s{number}"}})
            answer = await web.client.post("/mcp", json=body, headers=headers("tools/call", "echo"))
            assert answer.json()["result"]["structuredContent"]["sessionId"] == f"s{number}"

        await asyncio.gather(*map(call, range(60)))


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b'"hi"', 400), (b"\xff\xfe", 400), (b'{"jsonrpc":"2.0","id":null,"method":"x"}', 400)],
)
async def test_what_is_no_request_is_refused_and_others_go_on(body: bytes, status: int) -> None:
    async with running() as daemon, on_the_web(daemon) as web:
        sent = {**headers("tools/list"), "Content-Type": "application/json"}
        assert (await web.client.post("/mcp", content=body, headers=sent)).status_code == status
        answer = await web.client.post("/mcp", json=request("tools/list", {}), headers=headers("tools/list"))
        assert answer.json()["result"]["tools"]


async def test_a_header_that_names_another_tool_is_refused() -> None:
    async with running() as daemon, on_the_web(daemon) as web:
        body = request("tools/call", {"name": "echo", "arguments": {"input": "hi"}})
        answer = await web.client.post("/mcp", json=body, headers=headers("tools/call", "other"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)
        assert await daemon.runs.list() == []


@pytest.mark.parametrize("era", ERAS)
async def test_the_end_waits_for_no_stream_and_leaves_no_task_but_the_run(era: Era) -> None:
    model = LiveModel()
    async with running(Agent("slow", "", model, [])) as daemon:
        before = asyncio.all_tasks()
        with anyio.move_on_after(PATIENCE) as patience:
            async with on_the_web(daemon) as web, anyio.create_task_group() as tasks:
                client = await tasks.start(held, web, era)
                tasks.start_soon(ignored, client)
                await model.asked.wait()
                await web.site.close()
                tasks.cancel_scope.cancel()
        assert not patience.cancelled_caught
        left = {task.get_name() for task in asyncio.all_tasks() - before}
        assert not any("mcp" in name or "http" in name for name in left)
        run = (await daemon.runs.list())[0].head.run
        model.say("done", None)
        assert (await daemon.runs.result(run)).response == "done"


async def held(web: Any, era: Era, *, task_status: Any) -> None:
    """A client that stays until it is told to go."""
    async with asking_over_http(web, era) as client:
        task_status.started(client)
        await asyncio.get_running_loop().create_future()


async def ignored(client: Any) -> None:
    """A call whose end nobody waits for."""
    await client.call_tool("slow", {"input": "hi"})
