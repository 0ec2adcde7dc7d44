"""Tool calls that ask first, over MCP: the client's user is shown a form, in both eras."""

import asyncio
from typing import Any

import anyio.lowlevel
import pytest
from agent_lab import Careful
from agiwo.agent import Agent
from agiwo.schema.approval import Answer
from agiwo.testing import ScriptedModel
from daemon_lab import PATIENCE, running
from mcp_lab import ERAS, Era, asking
from mcp_types import ElicitRequestFormParams, ElicitResult

pytestmark = pytest.mark.anyio


class User:
    """Somebody in front of a client, who answers each form with what is put into `says`, and waits when nothing is."""

    def __init__(self, *says: ElicitResult) -> None:
        self.forms: list[ElicitRequestFormParams] = []
        self.closed = asyncio.Event()
        self._says: asyncio.Queue[ElicitResult] = asyncio.Queue()
        for each in says:
            self._says.put_nowait(each)

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        self.forms.append(params)
        try:
            return await self._says.get()
        except asyncio.CancelledError:
            self.closed.set()
            raise


def decides(option: str, reason: str | None = None) -> ElicitResult:
    return ElicitResult(action="accept", content={"decision": option, **({"reason": reason} if reason else {})})


def careful(tool: Careful) -> Agent:
    turns = [{"toolCalls": [{"name": tool.name, "arguments": {"n": 1}}]}, {"text": "Done."}]
    return Agent("careful", "Asks first.", ScriptedModel(turns=turns, repeat=True), [tool])


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_goes_on_once_the_user_has_allowed_it(era: Era) -> None:
    tool, user = Careful("delete"), User(decides("allow_once"))
    async with running(careful(tool)) as daemon, asking(daemon, era, elicitation_callback=user) as client:
        result = await client.call_tool("careful", {"input": "hi"})
        assert (result.structured_content["response"], len(tool.calls)) == ("Done.", 1)
        [form] = user.forms
        assert form.message.startswith("Allow delete?")
        assert '"n": 1' in form.message
        assert form.requested_schema["properties"]["decision"]["enum"] == ["allow_once", "allow_session", "deny"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("said", [decides("deny", "too dangerous"), ElicitResult(action="decline")])
async def test_a_call_that_the_user_does_not_allow_is_not_made(era: Era, said: ElicitResult) -> None:
    tool = Careful("delete")
    async with running(careful(tool)) as daemon, asking(daemon, era, elicitation_callback=User(said)) as client:
        result = await client.call_tool("careful", {"input": "hi"})
        assert (result.is_error, result.structured_content["response"], tool.calls) == (False, "Done.", [])


async def test_a_form_is_taken_back_when_somebody_else_answers() -> None:
    tool, user = Careful("delete"), User()
    async with running(careful(tool)) as daemon, asking(daemon, "legacy", elicitation_callback=user) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "careful", {"input": "hi"})
            await answer_elsewhere(daemon)
            async with asyncio.timeout(PATIENCE):
                await user.closed.wait()
        assert len(tool.calls) == 1


async def answer_elsewhere(daemon: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not (found := await daemon.approvals.list()):
            await anyio.lowlevel.checkpoint()
    await daemon.approvals.respond(found[0].id, Answer("allow_once", by="somebody"))


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_without_forms_is_told_where_to_answer(era: Era) -> None:
    tool, heard = Careful("delete"), list[str | None]()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    async with running(careful(tool)) as daemon, asking(daemon, era) as client:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(answer_elsewhere(daemon))
            result = await client.call_tool("careful", {"input": "hi"}, progress_callback=hear)
        assert result.structured_content["response"] == "Done."
        assert any("`agiwod approvals`" in (message or "") for message in heard)


async def test_the_same_answer_twice_changes_nothing_and_an_answer_to_nothing_is_passed_by() -> None:
    tool, user = (
        Careful("delete"),
        User(ElicitResult(action="accept", content={"decision": "nonsense"}), decides("deny")),
    )
    async with running(careful(tool)) as daemon, asking(daemon, elicitation_callback=user) as client:
        result = await client.call_tool("careful", {"input": "hi"})  # asked again: what it said was no decision
        assert (result.structured_content["response"], len(user.forms), tool.calls) == ("Done.", 2, [])
