"""Calls that ask first, over ACP: the editor's user is asked, and so may be others; the first answer counts."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from acp_lab import Editor, User, editing
from agent_lab import Careful
from agiwo.agent import Agent
from agiwo.schema.approval import Answer
from agiwo.testing import ScriptedModel
from agiwod.runtime.daemon import Daemon
from daemon_lab import PATIENCE, Caller, calling, running

pytestmark = pytest.mark.anyio


def careful(tool: Careful, *, calls: int = 1) -> Agent:
    turns: list[dict[str, Any]] = [{"toolCalls": [{"name": tool.name, "arguments": {"n": 1}}]}] * calls
    model = ScriptedModel(turns=[*turns, {"text": "Done."}], repeat=True)
    return Agent("careful", "Asks first.", model, [tool])


async def asked(editor: Editor) -> dict[str, Any]:
    """The first question, once there is one."""
    await editor.until(lambda: editor.asked)
    return editor.asked[0][1]


async def test_a_call_is_made_once_the_user_has_allowed_it(tmp_path: Path) -> None:
    tool = Careful("delete")
    async with running(careful(tool)) as daemon, editing(daemon, permission=User("allow_once")) as editor:
        session = await editor.open(tmp_path)
        assert (await editor.prompt(session, "hi"))["stopReason"] == "end_turn"
        question = await asked(editor)
        assert (question["sessionId"], question["toolCall"]["rawInput"]) == (session, {"n": 1})
        assert [each["kind"] for each in question["options"]] == ["allow_once", "allow_always", "reject_once"]
        assert question["toolCall"]["toolCallId"] == editor.told("tool_call")[0]["toolCallId"]
        assert (editor.call_of("delete")["status"], len(tool.calls)) == ("completed", 1)


async def test_a_call_is_announced_before_it_is_asked_about(tmp_path: Path) -> None:
    async with running(careful(Careful("delete"))) as daemon, editing(daemon, permission=User()) as editor:
        session = await editor.open(tmp_path)
        prompt = asyncio.create_task(editor.prompt(session, "hi"))
        await asked(editor)
        assert editor.call_of("delete")["status"] == "pending"
        editor.cancel(session)
        assert (await prompt)["stopReason"] == "cancelled"


async def test_a_call_that_the_user_does_not_allow_is_not_made(tmp_path: Path) -> None:
    tool = Careful("delete")
    async with running(careful(tool)) as daemon, editing(daemon, permission=User("deny")) as editor:
        await editor.prompt(await editor.open(tmp_path), "hi")
        assert (editor.call_of("delete")["status"], tool.calls) == ("failed", [])


async def test_what_is_allowed_for_a_session_is_asked_once(tmp_path: Path) -> None:
    tool = Careful("delete")
    async with running(careful(tool, calls=3)) as daemon, editing(daemon, permission=User("allow_session")) as editor:
        await editor.prompt(await editor.open(tmp_path), "hi")
        assert (len(editor.asked), len(tool.calls)) == (1, 3)


async def test_the_question_is_taken_back_with_its_prompt(tmp_path: Path) -> None:
    tool, user = Careful("delete"), User()
    async with running(careful(tool)) as daemon, editing(daemon, permission=user) as editor:
        session = await editor.open(tmp_path)
        prompt = asyncio.create_task(editor.prompt(session, "hi"))
        await asked(editor)
        editor.cancel(session)
        assert ((await prompt)["stopReason"], tool.calls) == ("cancelled", [])
        async with asyncio.timeout(PATIENCE):
            await user.cancelled.wait()


async def test_an_editor_that_answers_cancelled_as_it_cancels_is_understood(tmp_path: Path) -> None:
    tool, user = Careful("delete"), User()
    async with running(careful(tool)) as daemon, editing(daemon, permission=user) as editor:
        session = await editor.open(tmp_path)
        prompt = asyncio.create_task(editor.prompt(session, "hi"))
        await asked(editor)
        user.say("cancelled")
        editor.cancel(session)
        assert ((await prompt)["stopReason"], tool.calls) == ("cancelled", [])


async def test_the_question_is_taken_back_when_somebody_else_answers(tmp_path: Path) -> None:
    tool, user = Careful("delete"), User()
    async with running(careful(tool)) as daemon, editing(daemon, permission=user) as editor:
        prompt = asyncio.create_task(editor.prompt(await editor.open(tmp_path), "hi"))
        await asked(editor)
        [approval] = await daemon.approvals.list()
        await daemon.approvals.respond(approval.id, Answer("allow_once", by="a script"))
        assert (await prompt)["stopReason"] == "end_turn"
        assert (user.cancelled.is_set(), len(tool.calls)) == (True, 1)
        told = [each["_meta"]["agiwod"]["approval"] for each in editor.updates_with_meta()]
        assert told == [{"outcome": "allow_once", "by": "a script", "reason": None}]


async def answering(daemon: Daemon, caller: Caller) -> dict[str, Any]:
    """What a native client is told that allows the one question that is open."""
    [approval] = await daemon.approvals.list()
    return await caller.call("approval/respond", approvalId=approval.id, optionId="allow_once")


async def test_of_two_that_answer_at_once_one_wins_and_the_other_is_told_who(tmp_path: Path) -> None:
    tool, user = Careful("delete"), User()
    async with (
        running(careful(tool)) as daemon,
        calling(daemon) as native,
        editing(daemon, name="zed", permission=user) as editor,
    ):
        prompt = asyncio.create_task(editor.prompt(await editor.open(tmp_path), "hi"))
        await asked(editor)
        user.say("allow_once")
        told = await answering(daemon, native)
        assert (await prompt)["stopReason"] == "end_turn"
        [by] = [each["_meta"]["agiwod"]["approval"]["by"] for each in editor.updates_with_meta()]
        assert (told["by"], len(tool.calls)) == (by, 1)
        assert told["status"] == ("resolved" if by == "test" else "already_resolved")


async def test_an_editor_that_cannot_ask_leaves_the_question_to_others(tmp_path: Path) -> None:
    tool = Careful("delete")
    async with running(careful(tool)) as daemon, editing(daemon) as editor, calling(daemon) as native:
        prompt = asyncio.create_task(editor.prompt(await editor.open(tmp_path), "hi"))
        await asked(editor)
        await answering(daemon, native)
        assert ((await prompt)["stopReason"], len(tool.calls)) == ("end_turn", 1)


async def test_a_question_of_an_agent_below_is_asked_too(tmp_path: Path) -> None:
    tool = Careful("delete")
    below = careful(tool)
    model = ScriptedModel(turns=[{"toolCalls": [{"name": "careful", "arguments": {"task": "go"}}]}, {"text": "Done."}])
    above = Agent("above", "Asks.", model, [below.as_tool()])
    async with running(above) as daemon, editing(daemon, permission=User("allow_once")) as editor:
        await editor.prompt(await editor.open(tmp_path), "hi")
        assert (editor.text(), len(tool.calls), len(editor.asked)) == ("Done.", 1, 1)
