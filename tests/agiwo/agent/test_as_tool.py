"""Agents as tools of other agents, as their users see them: names, streams, and what they share."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from agent_lab import calls
from agiwo.agent import (
    Agent,
    AgentHooks,
    AgentOptions,
    AgentTool,
    EventType,
    ExecutionContext,
    RunHandle,
    RunOutput,
    RunStepStorageConfig,
    StreamEvent,
    TerminationReason,
    as_tool,
)
from agiwo.errors import ConfigError
from agiwo.schema.event import CHILD_FINISHED, CHILD_SPAWNED
from agiwo.testing import RecordingTool, ScriptedModel
from agiwo.tool import ToolResult, tool

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}
ANSWER: dict[str, Any] = {"text": "Forty two", "deltas": 3}
HANGING: dict[str, Any] = {"text": "so far", "hang": True}


def asking(*names: str) -> dict[str, Any]:
    """A turn that calls these agents."""
    return calls(*((name, {"task": "look"}) for name in names))


async def drain(stream: AsyncGenerator[StreamEvent]) -> list[StreamEvent]:
    return [event async for event in stream]


# Names


def test_a_tool_is_named_and_described_after_its_agent_unless_told_otherwise() -> None:
    agent = Agent("the.researcher", "Does as told.", ScriptedModel())
    plain, named = as_tool(agent), as_tool(agent, "Expert at research", "expert", 3)
    assert (plain.name, plain.description, plain.max_depth) == ("the_researcher", "Does as told.", 5)
    assert (named.name, named.description, named.max_depth) == ("expert", "Expert at research", 3)
    other = AgentTool(agent, "expert", "Expert at research")
    assert (other.name, other.description) == (named.name, named.description)
    assert agent.as_tool("Expert at research", name="expert").get_definition() == named.get_definition()


def test_a_depth_that_cannot_work_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_depth is 0"):
        as_tool(Agent("agent", "Does as told.", ScriptedModel()), max_depth=0)


# Streams


async def test_what_an_agent_below_says_is_in_the_stream_in_its_place(agents: Any) -> None:
    child = agents.make(ANSWER, id="child")
    parent = agents.make(asking("child"), DONE, id="parent", tools=[as_tool(child)])
    events = await drain(parent.run_stream("go"))
    root = events[0].run_id
    names = [event.name for event in events if event.run_id == root]
    below = [event for event in events if event.run_id != root]
    assert {(event.agent_id, event.depth, event.parent_run_id) for event in below} == {("child", 1, root)}
    assert {event.depth for event in events if event.run_id == root} == {0}
    assert "".join(event.delta.content or "" for event in below if event.delta) == "Forty two"
    assert [event.seq for event in below if event.seq] == list(range(1, 1 + sum(1 for each in below if each.seq)))
    places = [events.index(event) for event in below]
    spawned = next(index for index, event in enumerate(events) if event.name == CHILD_SPAWNED)
    finished = next(index for index, event in enumerate(events) if event.name == CHILD_FINISHED)
    assert spawned < min(places) <= max(places) < finished
    assert below[-1].type == EventType.RUN_COMPLETED
    assert names[-1] == "run/completed"
    assert events[-1].run_id == root


async def test_what_an_agent_below_says_comes_while_it_says_it(agents: Any) -> None:
    child = agents.make(HANGING, id="child")
    parent = agents.make(asking("child"), DONE, id="parent", tools=[as_tool(child)])
    handle = await parent.start("go")
    async with asyncio.timeout(60):
        async for event in handle.stream():
            if event.delta and event.delta.content:
                assert (event.delta.content, event.depth) == ("so far", 1)
                break
    await handle.cancel()
    events = await drain(handle.stream())
    ends = [event.run_id for event in events if event.type == EventType.RUN_CANCELLED]
    assert len(ends) == 2
    assert ends[-1] == handle.run_id


async def test_an_agent_below_has_its_own_prompt_and_none_of_those_above(agents: Any) -> None:
    below = agents.make(DONE, id="below", system_prompt="Be below.")
    middle = agents.make(asking("below"), DONE, id="middle", tools=[below.as_tool()], system_prompt="Be between.")
    top = agents.make(asking("middle"), DONE, id="top", tools=[middle.as_tool()], system_prompt="Be above.")
    await top.run("go")
    for agent, prompt in ((below, "Be below."), (middle, "Be between."), (top, "Be above.")):
        for request in agent.model.requests:
            assert [each["content"] for each in request.messages if each["role"] == "system"] == [prompt]


async def test_three_levels_are_one_stream(agents: Any) -> None:
    below = agents.make(ANSWER, id="below")
    middle = agents.make(asking("below"), DONE, id="middle", tools=[below.as_tool()])
    top = agents.make(asking("middle", "middle"), DONE, id="top", tools=[middle.as_tool()])
    events = await drain(top.run_stream("go"))
    assert [event.agent_id for event in events if event.type == EventType.RUN_COMPLETED].count("below") == 2
    assert {event.depth for event in events} == {0, 1, 2}
    assert events[-1].agent_id == "top"


async def test_a_late_reader_has_the_whole_tree_in_the_same_order(agents: Any) -> None:
    child = agents.make(ANSWER, id="child")
    parent = agents.make(asking("child"), DONE, id="parent", tools=[as_tool(child)])
    handle = await parent.start("go")
    live = [event for event in await drain(handle.stream()) if event.seq or event.step]
    late = await drain(handle.stream())
    assert late == live
    for seen in range(len(live)):
        after = {event.run_id: event.seq for event in live[:seen] if event.seq}
        told = [event for event in await drain(handle.stream(after)) if event.seq]
        assert told == [event for event in live[seen:] if event.seq]


async def test_a_reader_that_begins_in_the_middle_follows_those_who_are_still_at_work(agents: Any) -> None:
    child = agents.make(HANGING, id="child")
    parent = agents.make(asking("child"), DONE, id="parent", tools=[as_tool(child)])
    handle = await parent.start("go")
    async for event in handle.stream():
        if event.depth and event.delta:
            break
    head = max(event.seq or 0 for event in await seen_so_far(handle))
    reading = asyncio.create_task(drain(handle.stream(head)))
    await handle.cancel()
    events = await reading
    assert [event.name for event in events if event.depth][:2] == ["run/queued", "run/started"]
    assert all((event.seq or head + 1) > head for event in events if not event.depth)


async def seen_so_far(handle: RunHandle) -> list[StreamEvent]:
    events: list[StreamEvent] = []
    async for event in handle.stream():
        if not event.depth:
            events.append(event)
        if event.delta and event.delta.content:
            break
    return events


async def test_a_reader_that_stops_breaks_off_or_raises_loses_nothing_for_others(agents: Any) -> None:
    gate = asyncio.Event()
    child = agents.make(calls("record"), ANSWER, id="child", tools=[RecordingTool(gate=gate)])
    parent = agents.make(asking("child"), DONE, id="parent", tools=[as_tool(child)])
    handle = await parent.start("go", session_id="s")
    stopped = handle.stream()
    await anext(stopped)
    async for _ in handle.stream():
        break
    with pytest.raises(ValueError, match="mine"):
        await read_and_raise(handle)
    gate.set()
    whole = await drain(handle.stream())
    assert whole[-1].type == EventType.RUN_COMPLETED
    assert await parent.run_step_storage.get_step_count("s") == 4
    rest = [event for event in await drain(stopped) if event.seq]
    assert rest == [event for event in whole if event.seq][1:]


async def read_and_raise(handle: RunHandle) -> None:
    async for _ in handle.stream():
        raise ValueError("mine")


async def test_on_event_of_the_first_agent_hears_of_those_below(agents: Any) -> None:
    heard: dict[str, list[StreamEvent]] = {"parent": [], "child": []}

    def hooks(name: str) -> AgentHooks:
        async def hear(event: StreamEvent) -> None:
            heard[name].append(event)

        return AgentHooks(on_event=hear)

    child = agents.make(ANSWER, id="child", hooks=hooks("child"))
    parent = agents.make(asking("child"), DONE, id="parent", tools=[as_tool(child)], hooks=hooks("parent"))
    await parent.run("go")
    assert {event.agent_id for event in heard["parent"]} == {"parent", "child"}
    assert heard["child"] == []


async def test_the_hooks_of_an_agent_below_look_on_at_its_run(agents: Any) -> None:
    ended: list[tuple[RunOutput, ExecutionContext]] = []

    async def note(output: RunOutput, context: ExecutionContext) -> None:
        ended.append((output, context))

    child = agents.make(ANSWER, id="child", hooks=AgentHooks(on_after_run=note))
    parent = agents.make(asking("child"), DONE, id="parent", tools=[as_tool(child)])
    output = await parent.run("go", user_id="me", metadata={"a": 1})
    ((below, context),) = ended
    assert below.response == "Forty two"
    assert (context.depth, context.parent_run_id) == (1, output.run_id)
    assert (context.user_id, context.metadata) == ("me", {"a": 1})


# What they share


async def test_cancelling_a_run_cancels_those_below(agents: Any) -> None:
    tool = RecordingTool(gate=asyncio.Event())
    child = agents.make(calls("record"), id="child", tools=[tool])
    parent = agents.make(asking("child"), DONE, id="parent", tools=[as_tool(child)])
    caller = asyncio.create_task(parent.run("go", session_id="s"))
    await tool.started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    steps = await parent.run_step_storage.list_runs()
    handles = [await parent.attach(run.id) for run in steps]
    assert [(await handle.wait(5)).termination_reason for handle in handles] == [TerminationReason.CANCELLED] * 2


async def test_an_agent_below_goes_on_in_the_next_process(agents: Any, tmp_path: Path) -> None:
    storage = RunStepStorageConfig("sqlite", {"db_path": tmp_path / "data.db"})
    options = AgentOptions(run_step_storage=storage)

    def family(answer: dict[str, Any]) -> Any:
        child = agents.make(answer, id="child")
        return agents.make(asking("child"), DONE, id="parent", tools=[as_tool(child)], options=options)

    first = family(HANGING)
    handle = await first.start("go")
    async for event in handle.stream():
        if event.delta and event.delta.content:
            break
    await first.close()
    second = family(ANSWER)
    again = await second.attach(handle.run_id)
    assert (await again.wait(5)).response == "Done."
    events = await drain(again.stream())
    assert [event.agent_id for event in events if event.type == EventType.RUN_COMPLETED] == ["child", "parent"]
    assert {event.session_id for event in events if event.depth} & {handle.session_id} == set()


# By hand


async def test_a_tool_may_run_an_agent_by_itself_below_its_own_run(agents: Any) -> None:
    child = agents.make(ANSWER, id="child")

    @tool(effect="read")
    async def delegate(context: ExecutionContext) -> str:
        """Ask the other one."""
        output = await child.run("look", context=context)
        runs = await child.run_step_storage.list_runs()
        return f"{output.response}, below {runs[0].parent_run_id}"

    parent = agents.make(calls("delegate"), DONE, id="parent", tools=[delegate])
    output = await parent.run("go")
    told = [message["content"] for message in parent.model.requests[-1].messages if message["role"] == "tool"]
    assert told == [f"Forty two, below {output.run_id}"]


async def test_an_agent_tool_may_be_called_by_hand(agents: Any) -> None:
    called = as_tool(agents.make(ANSWER, {"error": "broken"}, id="child"), max_depth=2)
    context = ExecutionContext("s", "r")
    assert (await called.execute({"task": "look"}, context)).content == "Forty two"
    deep = await called.execute({"task": "look"}, context.new_child("r2", "b").new_child("r3", "c"))
    assert deep == ToolResult.failed("agents may call each other 2 levels deep")
    failing = as_tool(agents.make({"error": {"kind": "auth", "message": "wrong key"}}, id="failing"))
    assert (await failing.execute({"task": "look"}, context)).error == "the agent 'failing' failed: wrong key"
