"""Who is asked about a call when there is no daemon: a callback beside the run, or whoever has the run's handle."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agent_lab import Careful, calls
from agiwo import Answer, Approval, Policy, Rule
from agiwo.agent import (
    Agent,
    AgentOptions,
    EventType,
    RunHandle,
    RunStepStorageConfig,
    StreamEvent,
    as_tool,
)
from agiwo.agent.approver import Approver
from agiwo.errors import NotFound, ToolError
from agiwo.schema.approval import Option
from agiwo.testing import RecordingTool, ScriptedModel

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}


def saying(reply: Any) -> Approver:
    """Somebody who always says the same."""

    async def say(approval: Approval) -> Any:
        return reply

    return say


async def silent(approval: Approval) -> None:
    await asyncio.Event().wait()


def told(agent: Agent) -> list[str]:
    """The tool results that the model was told last."""
    assert isinstance(agent.model, ScriptedModel)
    return [each["content"] for each in agent.model.requests[-1].messages if each["role"] == "tool"]


async def until(handle: RunHandle, is_so: Callable[[StreamEvent], bool]) -> StreamEvent:
    async with asyncio.timeout(60):
        async for event in handle.stream():
            if is_so(event):
                return event
    raise AssertionError("it did not come")


async def asked(handle: RunHandle, number: int = 1) -> list[Approval]:
    """What waits, once there are so many."""
    seen: set[str | None] = set()

    def is_enough(event: StreamEvent) -> bool:
        if event.type == EventType.TOOL_AUTH_REQUIRED:
            seen.add(event.step_id)
        return len(seen) == number

    await until(handle, is_enough)
    return await handle.approvals()


# Somebody is asked by a callback


@pytest.mark.parametrize(
    ("reply", "ran", "result"),
    [
        (True, [{"n": 1}], "recorded"),
        ("allow_once", [{"n": 1}], "recorded"),
        ("allow_session", [{"n": 1}], "recorded"),
        (Answer("allow_once", arguments={"n": 2}), [{"n": 2}], "recorded"),
        (False, [], "was not allowed: no reason given"),
        ("deny", [], "was not allowed: no reason given"),
        (Answer("deny", "not today"), [], "was not allowed: not today"),
    ],
)
async def test_a_callback_answers_a_run(agents: Any, reply: Any, ran: list[Any], result: str) -> None:
    tool = Careful()
    agent = agents.make(calls(("record", {"n": 1})), DONE, tools=[tool], on_approval=saying(reply))
    output = await agent.run("go")
    assert (output.response, tool.calls) == ("Done.", ran)
    assert result in told(agent)[0]


async def test_a_callback_gets_the_call_and_the_stream_tells_what_it_said(agents: Any) -> None:
    seen: list[Approval] = []

    async def look(approval: Approval) -> bool:
        seen.append(approval)
        return False

    agent = agents.make(calls(("record", {"n": 1})), DONE, tools=[Careful()], on_approval=look)
    events = [event async for event in agent.run_stream("go")]
    (approval,) = seen
    assert (approval.name, approval.arguments, approval.run) == ("record", {"n": 1}, events[0].run_id)
    kinds = [event.type for event in events if event.name.startswith("approval/")]
    assert kinds == [EventType.TOOL_AUTH_REQUIRED, EventType.TOOL_AUTH_DENIED]
    assert next(event.data["by"] for event in events if event.type == EventType.TOOL_AUTH_DENIED) == "on_approval"


async def test_a_callback_is_asked_about_calls_of_one_answer_side_by_side(agents: Any) -> None:
    both = asyncio.Barrier(2)

    async def meet(approval: Approval) -> Option:
        await both.wait()
        return "allow_once"

    tool = Careful()
    agent = agents.make(calls(("record", {"n": 1}), ("record", {"n": 2})), DONE, tools=[tool], on_approval=meet)
    async with asyncio.timeout(60):
        await agent.run("go")
    assert len(tool.calls) == 2


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (RuntimeError("no ears"), "raised RuntimeError: no ears"),
        ("perhaps", "'perhaps' is no answer"),
        (Answer("allow_once", arguments={"n": "many"}), "raised ToolError"),
    ],
)
async def test_a_callback_that_fails_is_reported_and_leaves_the_question_open(
    agents: Any, reply: Any, complaint: str
) -> None:
    class Counting(Careful):
        def get_parameters(self) -> dict[str, Any]:
            return {"type": "object", "properties": {"n": {"type": "integer"}}}

    async def fail(approval: Approval) -> Any:
        if isinstance(reply, Exception):
            raise reply
        return reply

    agent = agents.make(calls(("record", {"n": 1})), DONE, tools=[Counting()], on_approval=fail)
    handle = await agent.start("go")
    event = await until(handle, lambda event: event.type == EventType.ERROR)
    assert complaint in event.data["message"]
    (approval,) = await handle.approvals()
    assert await handle.answer(approval.id, "allow_once")
    assert (await handle.wait()).response == "Done."


@pytest.mark.parametrize("reply", [RuntimeError("no ears"), asyncio.CancelledError(), "perhaps", None], ids=repr)
@pytest.mark.parametrize("below", [False, True])
async def test_where_nobody_else_can_be_asked_a_callback_that_gives_no_answer_is_a_no(
    agents: Any, reply: Any, below: bool
) -> None:
    async def fail(approval: Approval) -> Any:
        if isinstance(reply, BaseException):
            raise reply
        return reply

    tool = Careful()
    agent = agents.make(calls("record"), DONE, tools=[tool], on_approval=None if below else fail)
    turn, tools = calls(("agent", {"task": "go"})), [agent.as_tool()]
    asking = agents.make(turn, DONE, id="above", tools=tools, on_approval=fail) if below else agent
    async with asyncio.timeout(60):
        events = [event async for event in asking.run_stream("go")]
    assert events[-1].data["response"] == "Done."
    assert told(agent) == ["Error: this call of record was not allowed: nobody could be asked"]
    assert any("there is nobody else to ask" in event.data["message"] for event in events if event.name == "log")
    assert tool.calls == []


async def test_a_callback_that_is_silent_for_long_is_reported_and_may_still_answer(agents: Any) -> None:
    word = asyncio.Event()

    async def think(approval: Approval) -> bool:
        await word.wait()
        return True

    agent = agents.make(
        calls("record"), DONE, tools=[Careful()], on_approval=think, options=AgentOptions(stream_cleanup_timeout=0.01)
    )
    handle = await agent.start("go")
    event = await until(handle, lambda event: event.type == EventType.ERROR)
    assert "has not answered for 0.01 seconds" in event.data["message"]
    word.set()
    assert (await handle.wait()).response == "Done."


async def test_a_callback_is_cancelled_once_somebody_else_has_answered(agents: Any) -> None:
    cancelled = asyncio.Event()

    async def wait(approval: Approval) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    agent = agents.make(calls("record"), DONE, tools=[Careful()], on_approval=wait)
    handle = await agent.start("go")
    (approval,) = await asked(handle)
    assert await handle.answer(approval.id, "allow_once")
    await asyncio.wait_for(cancelled.wait(), 60)
    assert (await handle.wait()).response == "Done."


async def test_a_callback_is_cancelled_with_the_run(agents: Any) -> None:
    cancelled = asyncio.Event()

    async def wait(approval: Approval) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    agent = agents.make(calls("record"), DONE, tools=[Careful()], on_approval=wait)
    handle = await agent.start("go")
    await asked(handle)
    await handle.cancel()
    await asyncio.wait_for(cancelled.wait(), 60)


async def test_a_silent_callback_does_not_hold_up_the_end_of_its_agent(agents: Any) -> None:
    agent = agents.make(calls("record"), DONE, tools=[Careful()], on_approval=silent)
    handle = await agent.start("go")
    await asked(handle)
    async with asyncio.timeout(60):
        await agent.close()


async def test_a_question_of_an_earlier_process_is_put_to_the_callback_of_this_one(agents: Any, tmp_path: Path) -> None:
    storage = RunStepStorageConfig(storage_type="sqlite", config={"db_path": str(tmp_path / "runs.db")})
    options = AgentOptions(run_step_storage=storage)
    first = agents.make(calls("record"), tools=[Careful()], options=options)
    handle = await first.start("go")
    await asked(handle)
    await first.close()
    tool = Careful()
    second = agents.make(calls("record"), DONE, tools=[tool], options=options, on_approval=saying(True))
    output = await (await second.attach(handle.run_id)).wait(30)
    assert (output.response, len(tool.calls)) == ("Done.", 1)


# Somebody answers by the handle


async def test_a_started_run_waits_for_its_handle(agents: Any) -> None:
    tool = Careful()
    agent = agents.make(calls(("record", {"n": 1})), DONE, tools=[tool])
    handle = await agent.start("go")
    (approval,) = await asked(handle)
    assert tool.calls == []
    assert await handle.answer(approval.id, "allow_once", arguments={"n": 2})
    assert not await handle.answer(approval.id, "deny")
    await handle.wait()
    assert not await handle.answer(approval.id, "deny")
    assert (tool.calls, await handle.approvals()) == ([{"n": 2}], [])


async def test_an_answer_that_makes_no_sense_is_refused_and_answers_nothing(agents: Any) -> None:
    agent = agents.make(calls("record"), DONE, tools=[Careful()])
    other = agents.make(calls("record"), DONE, tools=[Careful()])
    handle = await agent.start("go")
    (approval,) = await asked(handle)
    with pytest.raises(ValueError, match="no option 'yes'"):
        await handle.answer(approval.id, "yes")  # pyright: ignore[reportArgumentType] - that is the point
    with pytest.raises(ValueError, match="arguments go with"):
        await handle.answer(approval.id, "deny", arguments={})
    with pytest.raises(NotFound):
        await handle.answer("nonsense", "deny")
    with pytest.raises(NotFound):
        await (await other.start("go")).answer(approval.id, "deny")
    assert await handle.approvals() == [approval]
    await handle.cancel()


async def test_arguments_that_the_tool_does_not_take_are_refused_and_answer_nothing(agents: Any) -> None:
    class Counting(Careful):
        def get_parameters(self) -> dict[str, Any]:
            return {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    agent = agents.make(calls(("record", {"n": 1})), DONE, tools=[Counting()])
    handle = await agent.start("go")
    (approval,) = await asked(handle)
    with pytest.raises(ToolError, match="n: "):
        await handle.answer(approval.id, "allow_once", arguments={"n": "many"})
    assert await handle.answer(approval.id, "allow_once", arguments={"n": 2})
    await handle.wait()


# Nobody is there


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_run_with_nobody_to_ask_refuses_the_call_at_once(agents: Any, is_streamed: bool) -> None:
    tool = Careful()
    agent = agents.make(calls("record"), DONE, tools=[tool])
    async with asyncio.timeout(60):
        if is_streamed:
            names = [event.name async for event in agent.run_stream("go")]
            assert "approval/requested" not in names
        else:
            assert (await agent.run("go")).response == "Done."
    assert tool.calls == []
    assert told(agent) == [
        "Error: this call of record needs somebody's approval, and there is nobody to ask",
    ]


async def test_rules_hold_without_anybody_to_ask(agents: Any) -> None:
    tool = RecordingTool()
    rules = Rule("record", "allow", {"n": "1"}), Rule("record", "ask", {"n": "2"}), Rule("record", "deny")
    turn = calls(("record", {"n": 1}), ("record", {"n": 2}), ("record", {"n": 3}))
    agent = agents.make(turn, DONE, tools=[tool], options=AgentOptions(approval_policy=Policy(rules)))
    await agent.run("go")
    assert tool.calls == [{"n": 1}]
    assert [text.partition(": ")[2] for text in told(agent)] == [
        "",
        "this call of record needs somebody's approval, and there is nobody to ask",
        "this call of record is not allowed: a rule denies it",
    ]


# Agents behind tools


async def test_a_child_asks_whoever_its_parent_asks(agents: Any) -> None:
    tool, seen = Careful(), list[Approval]()

    async def look(approval: Approval) -> bool:
        seen.append(approval)
        return True

    child = agents.make(calls("record"), DONE, id="child", tools=[tool])
    turn = calls(("child", {"task": "look"}))
    parent = agents.make(turn, DONE, id="parent", tools=[as_tool(child)], on_approval=look)
    output = await parent.run("go")
    assert (output.response, len(tool.calls)) == ("Done.", 1)
    assert [approval.run == output.run_id for approval in seen] == [False]


async def test_a_child_with_a_callback_of_its_own_asks_that_one(agents: Any) -> None:
    tool = Careful()
    child = agents.make(calls("record"), DONE, id="child", tools=[tool], on_approval=saying(True))
    turn = calls(("child", {"task": "look"}))
    for of_parent in (None, saying(False)):
        parent = agents.make(turn, DONE, id="parent", tools=[as_tool(child)], on_approval=of_parent)
        assert (await parent.run("go")).response == "Done."
    assert len(tool.calls) == 2


async def test_a_child_of_a_run_with_nobody_to_ask_has_nobody_either(agents: Any) -> None:
    tool = Careful()
    child = agents.make(calls("record"), DONE, id="child", tools=[tool])
    parent = agents.make(calls(("child", {"task": "look"})), DONE, id="parent", tools=[as_tool(child)])
    async with asyncio.timeout(60):
        await parent.run("go")
    assert tool.calls == []
    assert "nobody to ask" in told(child)[0]


async def test_a_handle_sees_and_answers_what_runs_below_ask(agents: Any) -> None:
    tool = Careful()
    child = agents.make(calls(("record", {"n": 1})), DONE, id="child", tools=[tool])
    parent = agents.make(calls(("child", {"task": "look"})), DONE, id="parent", tools=[as_tool(child)])
    handle = await parent.start("go")
    (approval,) = await asked(handle)
    assert approval.run != handle.run_id
    assert await handle.answer(approval.id, "allow_once")
    assert (await handle.wait()).response == "Done."
    assert len(tool.calls) == 1
