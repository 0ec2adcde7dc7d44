"""Calls as tasks, for clients of MCP that know them: a task is a run, by its id."""

from typing import Any, Literal

import pytest
from agent_lab import Careful
from agiwo.agent import Agent
from agiwo.schema.run import RunStatus
from agiwo.testing import ScriptedModel
from agiwod.runtime.daemon import Daemon
from daemon_lab import LiveModel, running, scripted
from mcp import Client, MCPError
from mcp.client import advertise
from mcp_lab import asking
from mcp_types import Request, RequestParams, Result
from pydantic import ConfigDict

pytestmark = pytest.mark.anyio

TASKS = "io.modelcontextprotocol/tasks"


class Params(RequestParams):
    task_id: str
    input_responses: dict[str, Any] | None = None


class Looking(Request[Params, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"


class Updating(Request[Params, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"


class Cancelling(Request[Params, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"


class Anything(Result):
    model_config = ConfigDict(extra="allow")


class Calling(Request[Any, Literal["tools/call"]]):
    method: Literal["tools/call"] = "tools/call"


async def send(client: Client, request: Any) -> dict[str, Any]:
    found = await client.session.send_request(request, Anything)
    return found.model_dump(by_alias=True)


async def begin(client: Client, agent: str) -> str:
    """A call that answers with a task; its id."""
    task = await send(client, Calling(params={"name": agent, "arguments": {"input": "hi"}}))
    assert (task["resultType"], task["status"], "requestState" in task) == ("task", "working", False)
    return task["taskId"]


async def look(client: Client, task: str) -> dict[str, Any]:
    return await send(client, Looking(params=Params(task_id=task)))


async def until_it(client: Client, task: str, status: str) -> dict[str, Any]:
    while (found := await look(client, task))["status"] != status:
        assert found["status"] in ("working", "input_required", "completed")
    return found


def with_tasks(daemon: Daemon, **options: Any) -> Any:
    return asking(daemon, extensions=[advertise(TASKS)], **options)


async def test_a_call_is_a_task_whose_result_is_there_when_its_run_has_ended() -> None:
    async with running() as daemon, with_tasks(daemon) as client:
        task = await begin(client, "echo")
        await daemon.runs.result(task)
        found = await look(client, task)
        assert (found["status"], found["result"]["content"][0]["text"]) == ("completed", "hello world")
        assert found["result"]["structuredContent"]["runId"] == task
        assert (found["ttlMs"], found["pollIntervalMs"]) == (None, 500)


async def test_a_run_that_failed_is_a_task_with_a_result_that_is_an_error() -> None:
    bad = scripted("bad", {"error": {"message": "no credit", "status": 402}})
    async with running(bad) as daemon, with_tasks(daemon) as client:
        found = await until_it(client, await begin(client, "bad"), "completed")
        assert found["result"]["isError"]


async def test_a_task_that_is_cancelled_is_a_run_that_is_cancelled() -> None:
    model = LiveModel()
    async with running(Agent("slow", "", model, [])) as daemon, with_tasks(daemon) as client:
        task = await begin(client, "slow")
        for _ in range(2):
            await send(client, Cancelling(params=Params(task_id=task)))
        assert (await daemon.runs.result(task)).status == RunStatus.CANCELLED
        assert (await look(client, task))["status"] == "cancelled"


async def test_a_task_that_asks_goes_on_with_the_answer() -> None:
    tool = Careful("delete")
    turns = [{"toolCalls": [{"name": "delete", "arguments": {"n": 1}}]}, {"text": "Done."}]
    agent = Agent("careful", "", ScriptedModel(turns=turns), [tool])

    async def nobody(context: Any, params: Any) -> Any:
        raise AssertionError("a task asks by way of its state")

    async with running(agent) as daemon, with_tasks(daemon, elicitation_callback=nobody) as client:
        task = await begin(client, "careful")
        asked = (await until_it(client, task, "input_required"))["inputRequests"]
        [(question, form)] = asked.items()
        assert (form["method"], "Allow delete?" in form["params"]["message"]) == ("elicitation/create", True)
        said = {question: {"action": "accept", "content": {"decision": "allow_once"}}, "nothing": {"action": "cancel"}}
        await send(client, Updating(params=Params(task_id=task, input_responses=said)))
        assert (await until_it(client, task, "completed"))["result"]["structuredContent"]["response"] == "Done."
        assert len(tool.calls) == 1


async def test_a_client_that_does_not_know_tasks_waits_for_its_answer_and_sees_none() -> None:
    async with running() as daemon, asking(daemon) as client:
        result = await client.call_tool("echo", {"input": "hi"})
        task = Params(task_id=result.structured_content["runId"])
        with pytest.raises(MCPError) as refused:
            await send(client, Looking(params=task))
        assert refused.value.code == -32021
        assert refused.value.data["requiredCapabilities"] == {"extensions": {TASKS: {}}}
    async with running() as daemon, asking(daemon, "legacy") as client:
        with pytest.raises(MCPError) as unknown:
            await send(client, Looking(params=task))
        assert unknown.value.code == -32601


async def test_a_task_that_is_not_there_is_refused_and_so_are_wrong_arguments() -> None:
    async with running() as daemon, with_tasks(daemon) as client:
        with pytest.raises(MCPError, match="there is no task 'run_nothing'") as refused:
            await look(client, "run_nothing")
        assert refused.value.code == -32602
        told = await send(client, Calling(params={"name": "echo", "arguments": {}}))
        assert (told["resultType"], told["isError"]) == ("complete", True)
