"""Tool calls that wait for somebody's word: asked once, answered once, and remembered over a restart."""

from collections.abc import Mapping
from typing import Any

import pytest
from agent_lab import agent_in, ask, calls, items_of, requests_of
from agiwo.abort import AbortSignal
from agiwo.errors import Conflict
from agiwo.schema.approval import TOPIC, Answer, Approval, Option
from agiwo.schema.event import APPROVAL_REQUESTED, APPROVAL_RESOLVED
from agiwo.schema.run import RunStatus
from agiwo.schema.tool import ExecutionContext
from agiwo.tool import BaseTool, ToolResult
from agiwo.tool.policy import Policy, Rule
from engine_lab import Lab

pytestmark = pytest.mark.anyio

DONE = {"text": "Done."}


class Shell(BaseTool):
    """Runs nothing; says what it would have run, and counts."""

    def __init__(self, *, asks: bool = True, effect: Any = "once") -> None:
        self.ran: list[str] = []
        self.effect = effect
        self._asks = asks

    def get_name(self) -> str:
        return "shell"

    def get_description(self) -> str:
        return "Runs a command."

    def get_parameters(self) -> dict[str, Any]:
        return {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}

    def is_concurrency_safe(self) -> bool:
        return True

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        return self._asks

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        self.ran.append(parameters["command"])
        return ToolResult(content=f"ran {parameters['command']}")


def shell(command: str) -> tuple[str, dict[str, str]]:
    return "shell", {"command": command}


async def questions(lab: Lab, run: str) -> list[Approval]:
    """What the run has asked so far."""
    found = [event for event in await lab.events(run) if event.type == APPROVAL_REQUESTED]
    return [Approval.from_event(run, event.item or "", event.data, event.at) for event in found]


async def outcomes(lab: Lab, run: str) -> list[str]:
    return [event.data["outcome"] for event in await lab.events(run) if event.type == APPROVAL_RESOLVED]


async def answer(lab: Lab, approval: Approval, option: Option, **more: Any) -> bool:
    given = Answer(option, by="test", **more)
    event = approval.resolved(option, by="test")
    said = {"approvalId": approval.id, **given.to_json()}
    return await lab.engine.send_first(approval.run, approval.id, TOPIC, said, event)


async def told(lab: Lab, agent: Any) -> list[str]:
    """The tool results that the model has been told, by its last request."""
    return [message["content"] for message in requests_of(agent)[-1] if message["role"] == "tool"]


@pytest.mark.parametrize(
    ("option", "more", "ran", "result"),
    [
        ("allow_once", {}, ["ls"], "ran ls"),
        ("allow_session", {}, ["ls"], "ran ls"),
        ("deny", {"reason": "not here"}, [], "Error: this call of shell was not allowed: not here"),
        ("deny", {}, [], "Error: this call of shell was not allowed: no reason given"),
        (
            "allow_once",
            {"arguments": {"command": "ls -l"}},
            ["ls -l"],
            '(Somebody changed the arguments of this call to {"command":"ls -l"}.)\nran ls -l',
        ),
    ],
)
async def test_a_call_waits_for_an_answer_and_does_what_it_says(
    lab: Lab, option: Option, more: dict[str, Any], ran: list[str], result: str
) -> None:
    tool = Shell()
    agent = agent_in(lab, calls(shell("ls")), DONE, tools=[tool])
    run = await ask(lab, agent)
    assert await lab.status(run) == RunStatus.WAITING
    (approval,) = await questions(lab, run)
    assert (approval.name, approval.arguments, tool.ran) == ("shell", {"command": "ls"}, [])
    assert await answer(lab, approval, option, **more)
    assert (await lab.result(run)).response == "Done."
    assert (tool.ran, await told(lab, agent), await outcomes(lab, run)) == (ran, [result], [option])
    (item,) = await items_of(lab, run, "toolCall")
    assert item["arguments"] == more.get("arguments", {"command": "ls"})


async def test_only_the_first_answer_counts(lab: Lab) -> None:
    tool = Shell()
    agent = agent_in(lab, calls(shell("ls")), DONE, tools=[tool])
    run = await ask(lab, agent)
    (approval,) = await questions(lab, run)
    assert await answer(lab, approval, "deny")
    assert not await answer(lab, approval, "allow_once")
    await lab.result(run)
    assert (tool.ran, await outcomes(lab, run)) == ([], ["deny"])
    with pytest.raises(Conflict):
        await answer(lab, approval, "allow_once")


@pytest.mark.parametrize("answered", [False, True])
async def test_a_question_outlasts_the_process(lab: Lab, answered: bool) -> None:
    tool = Shell(effect="idempotent")
    agent = agent_in(lab, calls(shell("ls")), DONE, tools=[tool])
    run = await ask(lab, agent)
    (approval,) = await questions(lab, run)
    if answered:
        await answer(lab, approval, "allow_once")
    await lab.restart()
    assert await questions(lab, run) == [approval]
    if not answered:
        assert (await lab.status(run), tool.ran) == (RunStatus.WAITING, [])
        await answer(lab, approval, "allow_once")
    assert (await lab.result(run)).response == "Done."
    assert set(tool.ran) == {"ls"}


async def test_what_is_allowed_for_the_session_is_not_asked_again_in_it_and_asked_elsewhere(lab: Lab) -> None:
    tool = Shell()
    agent = agent_in(lab, calls(shell("a")), calls(shell("b")), DONE, tools=[tool])
    run = await ask(lab, agent, session="s")
    (approval,) = await questions(lab, run)
    await answer(lab, approval, "allow_session")
    await lab.result(run)
    again = await ask(lab, agent, session="s")
    await lab.result(again)
    assert (len(await questions(lab, run)), await questions(lab, again)) == (1, [])
    assert tool.ran == ["a", "b", "a", "b"]
    elsewhere = await ask(lab, agent, session="t")
    assert len(await questions(lab, elsewhere)) == 1
    await lab.cancel(elsewhere)


async def test_calls_of_one_answer_are_asked_about_side_by_side_and_answered_in_any_order(lab: Lab) -> None:
    tool = Shell()
    agent = agent_in(lab, calls(shell("a"), shell("b"), shell("c")), DONE, tools=[tool])
    run = await ask(lab, agent)
    first, second, third = await questions(lab, run)
    await answer(lab, third, "allow_once")
    await answer(lab, first, "allow_session")
    assert len(await questions(lab, run)) == 3
    await answer(lab, second, "deny")
    await lab.result(run)
    assert sorted(tool.ran) == ["a", "c"]
    assert [text.partition(":")[0] for text in await told(lab, agent)] == ["ran a", "Error", "ran c"]


async def test_a_run_that_waits_for_an_answer_can_be_cancelled_and_the_question_is_closed(lab: Lab) -> None:
    tool = Shell()
    run = await ask(lab, agent_in(lab, calls(shell("ls")), tools=[tool]))
    (approval,) = await questions(lab, run)
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED
    assert (tool.ran, await outcomes(lab, run)) == ([], ["cancelled"])
    with pytest.raises(Conflict):
        await answer(lab, approval, "allow_once")


async def test_the_time_of_the_run_stands_still_while_somebody_thinks(lab: Lab) -> None:
    agent = agent_in(lab, calls(shell("ls")), DONE, tools=[Shell()], run_timeout=10)
    run = await ask(lab, agent)
    (approval,) = await questions(lab, run)
    await lab.advance(1000)
    assert await lab.status(run) == RunStatus.WAITING
    await answer(lab, approval, "allow_once")
    assert (await lab.result(run)).response == "Done."


async def test_a_question_that_nobody_answers_in_time_is_a_refusal(lab: Lab) -> None:
    tool = Shell()
    agent = agent_in(lab, calls(shell("ls")), DONE, tools=[tool], approval_timeout=60)
    run = await ask(lab, agent)
    await lab.advance(61)
    await lab.result(run)
    assert (tool.ran, await outcomes(lab, run)) == ([], ["expired"])
    assert "nobody answered in time" in (await told(lab, agent))[0]


async def test_rules_come_before_the_tool_and_the_first_that_fits_decides(lab: Lab) -> None:
    tool = Shell(asks=False)
    rules = (
        Rule("shell", "deny", {"command": "rm *"}, reason="nothing is removed here"),
        Rule("shell", "ask", {"command": "git *"}),
    )
    turn = calls(shell("ls"), shell("rm -rf /"), shell("git push"))
    agent = agent_in(lab, turn, DONE, tools=[tool], approval_policy=Policy(rules))
    run = await ask(lab, agent)
    (approval,) = await questions(lab, run)
    assert approval.arguments == {"command": "git push"}
    await answer(lab, approval, "allow_once", arguments={"command": "rm everything"})
    await lab.result(run)
    assert tool.ran == ["ls"]
    refused = "this call of shell is not allowed: nothing is removed here"
    assert [refused in text for text in await told(lab, agent)] == [False, True, True]


async def test_a_call_that_cannot_run_asks_nobody(lab: Lab) -> None:
    agent = agent_in(lab, calls(("shell", {"comand": "ls"})), DONE, tools=[Shell()])
    run = await ask(lab, agent)
    await lab.result(run)
    assert await questions(lab, run) == []
    assert "command" in (await told(lab, agent))[0]


async def test_a_tool_that_never_asks_costs_no_step(lab: Lab) -> None:
    class Plain(Shell):
        needs_approval = BaseTool.needs_approval

    run = await ask(lab, agent_in(lab, calls(shell("ls")), DONE, tools=[Plain()]))
    await lab.result(run)
    assert [record.key for record in await lab.records(run) if "judge" in (record.key or "")] == []
