"""Agents and the scheduler as tools of MCP, asked by its own client in both of its eras."""

from typing import Any

import anyio
import pytest
from agiwo.agent import Agent
from agiwo.schema.run import RunStatus
from agiwo_protocol.channel import memory_pair
from agiwod.face.mcp.face import McpFace
from agiwod.runtime.exposure import Exposure
from daemon_lab import LiveModel, running, scripted
from mcp import MCPError
from mcp_lab import ERAS, Era, asking
from mcp_types import CallToolResult, Implementation, TextContent

pytestmark = pytest.mark.anyio


def text(result: Any) -> str:
    assert isinstance(result, CallToolResult)
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


@pytest.mark.parametrize("era", ERAS)
async def test_an_agent_answers_in_text_and_in_data_and_is_heard_while_it_speaks(era: Era) -> None:
    heard: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))

    async with running() as daemon, asking(daemon, era) as client:
        result = await client.call_tool("echo", {"input": "hi"}, progress_callback=hear)
        assert (text(result), result.is_error) == ("hello world", False)
        data: dict[str, Any] = result.structured_content
        run = await daemon.runs.get(data["runId"])
        assert (data["response"], data["sessionId"]) == ("hello world", run.head.session)
        assert (data["terminationReason"], data["usage"]["costBasis"]) == ("completed", "known")
        assert "".join(message or "" for _, message in heard) == "hello world"
        assert [progress for progress, _ in heard] == sorted({progress for progress, _ in heard})


async def test_a_session_goes_on_with_the_next_call() -> None:
    async with running() as daemon, asking(daemon) as client:
        first = await client.call_tool("echo", {"input": "hi"})
        session = first.structured_content["sessionId"]
        second = await client.call_tool("echo", {"input": "again", "sessionId": session})
        assert second.structured_content["sessionId"] == session
        assert len(await daemon.runs.list(session=session)) == 2


async def test_an_answer_can_be_asked_for_in_a_form() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    agent = scripted("count", {"text": '{"n": 3}'})
    async with running(agent) as daemon, asking(daemon) as client:
        result = await client.call_tool("count", {"input": "how many?", "outputSchema": schema})
        assert result.structured_content["output"] == {"n": 3}
        refused = await client.call_tool("count", {"input": "how many?", "outputSchema": {"type": "nonsense"}})
        assert refused.is_error
        assert "outputSchema" in text(refused) or "schema" in text(refused)


async def test_tools_say_what_they_take_and_give_and_what_they_may_do() -> None:
    async with running(scripted("echo"), Agent("reader", "", LiveModel(), [])) as daemon, asking(daemon) as client:
        tools = {each.name: each for each in (await client.list_tools()).tools}
        echo, reader = tools["echo"], tools["reader"]
        assert echo.description == "says what echo says"
        assert echo.input_schema["required"] == ["input"]
        assert {*(echo.output_schema or {})["required"]} >= {"response", "runId", "sessionId"}
        assert echo.annotations
        assert reader.annotations
        assert (echo.annotations.read_only_hint, reader.annotations.read_only_hint) == (False, True)
        assert all(each.output_schema and each.annotations for each in tools.values())


async def test_a_name_that_hosts_would_not_take_is_put_right() -> None:
    async with running(scripted("my agent/é")) as daemon, asking(daemon) as client:
        assert (await client.list_tools()).tools[-1].name == "my_agent__"
        assert text(await client.call_tool("my_agent__", {"input": "hi"})) == "hello world"


@pytest.mark.parametrize("era", ERAS)
async def test_what_is_wrong_is_told_so_that_a_model_can_put_it_right(era: Era) -> None:
    async with running() as daemon, asking(daemon, era) as client:
        missing = await client.call_tool("echo", {"inputs": "hi"})
        assert (missing.is_error, "input: Field required" in text(missing)) == (True, True)
        assert missing.meta
        assert missing.meta["agiwod/error"]["kind"] == "invalid_params"
        invented = await client.call_tool("scheduler_list", {"status": "sleeping"})
        assert (invented.is_error, "status: Extra inputs are not permitted" in text(invented)) == (True, True)
        nobody = await client.call_tool("scheduler_submit", {"agent": "ech", "input": "hi"})
        assert (nobody.is_error, "did you mean 'echo'" in text(nobody)) == (True, True)
        with pytest.raises(MCPError, match="did you mean 'echo'") as refused:
            await client.call_tool("ech", {"input": "hi"})
        assert refused.value.code == -32602


@pytest.mark.parametrize("era", ERAS)
async def test_others_are_told_who_is_connected_and_who_left(era: Era) -> None:
    async with running() as daemon:
        async with asking(daemon, era, client_info=Implementation(name="host", version="1")) as client:
            await client.list_tools()
            assert [(each.name, each.version) for each in daemon.clients.list()] == [("host", "1")]
        assert daemon.clients.list() == []


@pytest.mark.parametrize("era", ERAS)
async def test_a_run_that_fails_is_an_error_with_its_reason_and_its_run(era: Era) -> None:
    bad = scripted("bad", {"error": {"message": "no credit", "status": 402}})
    async with running(bad) as daemon, asking(daemon, era) as client:
        result = await client.call_tool("bad", {"input": "hi"})
        assert result.is_error
        assert "no credit" in text(result)
        assert (await daemon.runs.get(result.structured_content["runId"])).head.status == RunStatus.FAILED


@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_call_cancels_its_run(era: Era) -> None:
    model = LiveModel()
    async with running(Agent("slow", "", model, [])) as daemon, asking(daemon, era) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "slow", {"input": "hi"})
            await model.asked.wait()
            tasks.cancel_scope.cancel()
        run = (await daemon.runs.list())[0].head.run
        assert (await daemon.runs.result(run)).status == RunStatus.CANCELLED
        assert (await client.list_tools()).tools  # the connection goes on


async def test_a_run_goes_on_when_the_client_vanishes_without_a_word() -> None:
    model = LiveModel()
    async with running(Agent("slow", "", model, [])) as daemon:
        ours, theirs = memory_pair()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(McpFace(daemon).converse, theirs)
            ours.write(
                b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
                b'"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'
            )
            ours.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
            ours.write(
                b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"slow","arguments":{"input":"x"}}}'
            )
            await model.asked.wait()
            await ours.close()
        run = (await daemon.runs.list())[0].head.run
        model.say("done", None)
        assert (await daemon.runs.result(run)).response == "done"


async def test_only_what_is_exposed_is_shown() -> None:
    async with running(scripted("echo"), scripted("secret")) as daemon:
        daemon.exposure = Exposure(agents=("e*",), scheduler=False, runs=False)
        async with asking(daemon) as client:
            await client.call_tool("echo", {"input": "hi"})
            assert [each.name for each in (await client.list_tools()).tools] == ["echo"]
            assert (await client.list_resources()).resources == []
            for name in ("secret", "scheduler_list"):
                with pytest.raises(MCPError, match="there is no tool"):
                    await client.call_tool(name, {"input": "hi"})
            run = (await daemon.runs.list())[0].head.run
            with pytest.raises(MCPError, match="there is no resource"):
                await client.read_resource(f"agiwo://run/{run}")


@pytest.mark.parametrize("era", ERAS)
async def test_work_is_submitted_waited_for_looked_at_and_ended(era: Era) -> None:
    async with running() as daemon, asking(daemon, era) as client:
        submitted = await client.call_tool("scheduler_submit", {"agent": "echo", "input": "hi", "persistent": True})
        state = submitted.structured_content["stateId"]
        assert text(await client.call_tool("scheduler_wait", {"stateId": state})) == "hello world"
        again = await client.call_tool("scheduler_submit_task", {"stateId": state, "input": "more"})
        given = {"stateId": state, "taskId": again.structured_content["taskId"], "timeoutSeconds": 10}
        assert text(await client.call_tool("scheduler_wait", given)) == "hello world"
        looked = await client.call_tool("scheduler_get", {"stateId": state})
        assert (looked.structured_content["agentId"], looked.structured_content["persistent"]) == ("echo", True)
        for tool in ("scheduler_list", "scheduler_tree"):
            found = (await client.call_tool(tool, {})).structured_content["states"]
            assert [each["stateId"] for each in found] == [state]
        ended = await client.call_tool("scheduler_cancel", {"stateId": state, "reason": "enough"})
        assert ended.structured_content["accepted"]
        assert (await client.call_tool("scheduler_shutdown", {"stateId": state})).structured_content[
            "accepted"
        ] is False


async def test_a_wait_that_takes_too_long_ends_and_says_so() -> None:
    model = LiveModel()
    async with running(Agent("slow", "", model, [])) as daemon, asking(daemon) as client:
        submitted = await client.call_tool("scheduler_submit", {"agent": "slow", "input": "hi"})
        given = {"stateId": submitted.structured_content["stateId"], "timeoutSeconds": 0}
        result = await client.call_tool("scheduler_wait", given)
        assert (result.is_error, (result.meta or {})["agiwod/error"]["kind"]) == (True, "deadline_exceeded")


async def test_a_hundred_calls_at_once_get_each_its_own_answer() -> None:
    async with running() as daemon, asking(daemon) as client:
        results: dict[int, str] = {}

        async def call(number: int) -> None:
            result = await client.call_tool("echo", {"input": str(number), "sessionId": f"s{number}"})
            results[number] = result.structured_content["sessionId"]

        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(call, number)
        assert results == {number: f"s{number}" for number in range(100)}
