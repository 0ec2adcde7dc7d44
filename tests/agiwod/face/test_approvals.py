"""Approvals on the wire: any client sees what waits, the first answer counts, and a restart forgets nothing."""

from collections.abc import Mapping
from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.testing import RecordingTool, ScriptedModel
from agiwo_protocol.errors import InvalidParams, NotFound
from daemon_lab import Caller, KeptJournal, calling, running

pytestmark = pytest.mark.anyio


class Careful(RecordingTool):
    """Asks before each call."""

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        return True


def careful_agent(tool: Careful) -> Agent:
    turns = [{"toolCalls": [{"name": tool.name, "arguments": {"text": "hi"}}]}, {"text": "Done."}]
    return Agent("careful", "Asks first.", ScriptedModel(turns=turns), [tool])


async def asked(caller: Caller, run: str) -> dict[str, Any]:
    """The question that the run waits for, once it does."""
    await caller.until(lambda: "approval/requested" in (caller.streams[run].types if run in caller.streams else ()))
    (approval,) = (await caller.call("approval/list", runId=run))["approvals"]
    return approval


async def test_a_question_is_told_listed_answered_and_gone() -> None:
    tool = Careful()
    async with running(careful_agent(tool)) as daemon, calling(daemon) as caller:
        await caller.call("event/subscribe", topics=["approval"])
        run = await caller.start("careful")
        approval = await asked(caller, run)
        event = next(each for each in caller.streams[run].frames if each["type"] == "approval/requested")
        shown = {name: approval[name] for name in event["data"]}
        assert (shown, approval["itemId"], approval["runId"]) == (event["data"], event["itemId"], run)
        assert [option["kind"] for option in approval["options"]] == ["allow_once", "allow_session", "deny"]
        assert (await caller.call("run/get", runId=run))["status"] == "waiting"
        answer = {"approvalId": approval["approvalId"], "optionId": "allow_once"}
        first = await caller.call("approval/respond", **answer)
        assert first == {"status": "resolved", "outcome": "allow_once", "by": "test"}
        await caller.read(run)
        late = await caller.call("approval/respond", **{**answer, "optionId": "deny"})
        assert late == {"status": "already_resolved", "outcome": "allow_once", "by": "test"}
        assert (await caller.call("approval/list"))["approvals"] == []
        told: list[Any] = [each.params for each in caller.told if each.method == "daemon/event"]
        assert [event["type"] for event in told] == ["approval/requested", "approval/resolved"]


async def test_a_question_is_still_there_after_a_restart_and_its_answer_too() -> None:
    journal, tool = KeptJournal(), Careful()
    async with running(careful_agent(tool), journal=journal) as daemon, calling(daemon) as caller:
        approval = await asked(caller, run := await caller.start("careful"))
    async with running(careful_agent(tool), journal=journal) as daemon, calling(daemon) as caller:
        assert (await caller.call("approval/list"))["approvals"] == [approval]
        await caller.call("run/attach", runId=run)
        await caller.call("approval/respond", approvalId=approval["approvalId"], optionId="deny", reason="no")
        await caller.read(run)
    async with running(careful_agent(tool), journal=journal) as daemon, calling(daemon) as caller:
        late = await caller.call("approval/respond", approvalId=approval["approvalId"], optionId="allow_once")
        assert late == {"status": "already_resolved", "outcome": "deny", "by": "test"}
    assert tool.calls == []


async def test_a_question_whose_run_was_cancelled_is_over() -> None:
    async with running(careful_agent(Careful())) as daemon, calling(daemon) as caller:
        approval = await asked(caller, run := await caller.start("careful"))
        await caller.call("run/cancel", runId=run)
        await caller.read(run)
        late = await caller.call("approval/respond", approvalId=approval["approvalId"], optionId="allow_once")
        assert late == {"status": "already_resolved", "outcome": "cancelled"}


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"approvalId": "x", "optionId": "deny"}, NotFound),
        ({"approvalId": "run_x:0.0:00", "optionId": "deny"}, NotFound),
        ({"approvalId": "x", "optionId": "perhaps"}, InvalidParams),
        ({"approvalId": "x", "optionId": "deny", "arguments": {}}, InvalidParams),
        ({"approvalId": "x", "optionId": "allow_once", "arguments": []}, InvalidParams),
        ({"optionId": "deny"}, InvalidParams),
    ],
)
async def test_an_answer_to_nothing_or_that_says_nothing_is_refused(
    params: dict[str, Any], error: type[Exception]
) -> None:
    async with running() as daemon, calling(daemon) as caller:
        with pytest.raises(error):
            await caller.call("approval/respond", **params)
