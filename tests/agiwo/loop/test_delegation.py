"""Agents behind tools: a call is a child run that survives crashes, and never goes round in circles."""

import asyncio
from typing import Any

import pytest
from agent_lab import agent_in, ask, calls, items_of, requests_of
from agiwo.agent import Agent, AgentHooks, as_tool
from agiwo.schema.event import CHILD_FINISHED, CHILD_SPAWNED
from agiwo.schema.run import RunStatus, TerminationReason
from agiwo.testing import RecordingTool
from engine_lab import Lab

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}
HANGING: dict[str, Any] = {"text": "so far", "hang": True}


def told(agent: Agent, request: int = -1) -> list[str]:
    """What the model was told of its calls."""
    return [message["content"] for message in requests_of(agent)[request] if message["role"] == "tool"]


def task(name: str, text: str = "look", **more: Any) -> tuple[str, Any]:
    return name, {"task": text, **more}


async def test_what_the_agent_behind_a_tool_answers_is_what_the_call_gives(lab: Lab) -> None:
    child = agent_in(lab, {"text": "42"}, id="child")
    agent = agent_in(lab, calls(task("child", "Six times seven?", context="Be quick.")), DONE, tools=[as_tool(child)])
    run = await ask(lab, agent, session="s")
    assert (await lab.result(run)).response == "Done."
    assert requests_of(child)[0] == [{"role": "user", "content": "Six times seven?\n\nContext:\nBe quick."}]
    assert told(agent) == ["42"]
    parent, below = sorted(await lab.heads(), key=lambda head: head.parent or "")
    assert (below.parent, below.agent, below.status) == (parent.run, "child", RunStatus.COMPLETED)
    assert below.session != parent.session
    (item,) = await items_of(lab, run, "toolCall")
    assert item["output"]["value"]["runId"] == below.run
    types = await lab.types(run)
    assert types.index(CHILD_SPAWNED) < types.index(CHILD_FINISHED)


async def test_calls_of_agents_run_side_by_side_in_sessions_of_their_own(lab: Lab) -> None:
    child = agent_in(lab, {"text": "Looked."}, id="child")
    turn = calls(task("child", "here"), task("child", "there"))
    agent = agent_in(lab, turn, DONE, tools=[as_tool(child)])
    await lab.result(await ask(lab, agent))
    assert told(agent) == ["Looked.", "Looked."]
    assert sorted(messages[0]["content"] for messages in requests_of(child)) == ["here", "there"]
    assert len({head.session for head in await lab.heads()}) == 3


async def test_a_session_remembers_what_an_agent_behind_a_tool_gave(lab: Lab) -> None:
    child = agent_in(lab, {"text": "42"}, id="child")
    agent = agent_in(lab, calls(task("child")), DONE, DONE, tools=[as_tool(child)])
    await lab.result(await ask(lab, agent, session="s"))
    await lab.result(await ask(lab, agent, session="s"))
    assert told(agent) == ["42", "42"]


async def test_an_agent_that_fails_gives_an_error_that_says_why(lab: Lab) -> None:
    child = agent_in(lab, {"error": {"kind": "auth", "message": "wrong key"}}, id="child")
    agent = agent_in(lab, calls(task("child")), DONE, tools=[as_tool(child)])
    run = await ask(lab, agent)
    assert (await lab.result(run)).status == RunStatus.COMPLETED
    assert told(agent) == ["Error: the agent 'child' failed: wrong key"]
    assert (await items_of(lab, run, "toolCall"))[0]["output"]["isError"] is True


async def test_an_agent_that_is_cancelled_gives_an_error(lab: Lab) -> None:
    child = agent_in(lab, HANGING, id="child")
    agent = agent_in(lab, calls(task("child")), DONE, tools=[as_tool(child)])
    run = await ask(lab, agent)
    await lab.settle()
    below = next(head.run for head in await lab.heads() if head.parent)
    await lab.engine.cancel(below, "enough")
    assert (await lab.result(run)).response == "Done."
    assert told(agent) == ["Error: the agent 'child' was cancelled: enough"]


@pytest.mark.parametrize("arguments", ["{", "{}", '{"task": 1}', '{"task": "a", "context": []}'])
async def test_arguments_that_do_not_fit_start_no_agent(lab: Lab, arguments: str) -> None:
    child = agent_in(lab, {"text": "42"}, id="child")
    agent = agent_in(lab, calls(("child", arguments)), DONE, tools=[as_tool(child)])
    assert (await lab.result(await ask(lab, agent, session="s"))).response == "Done."
    (error,) = told(agent)
    assert error.startswith("Error: ")
    assert len(await lab.heads()) == 1
    later = agent_in(lab, DONE, id="later")
    await lab.result(await ask(lab, later, session="s"))
    assert told(later) == [error]


# Circles and depth


def cycle(lab: Lab, *ids: str) -> list[Agent]:
    """Agents each of which calls the next one, and the last one calls one with the id of the first."""
    made = [agent_in(lab, DONE, id=ids[0])]
    for id in reversed(ids):
        tool = as_tool(made[0])
        made.insert(0, agent_in(lab, calls(task(tool.name)), DONE, id=id, tools=[tool]))
    return made[:-1]


@pytest.mark.parametrize("ids", ["a", "ab", "abc"])
async def test_no_agent_is_called_below_itself_the_first_one_included(lab: Lab, ids: str) -> None:
    agents = cycle(lab, *ids)
    assert (await lab.result(await ask(lab, agents[0]))).response == "Done."
    assert [head.agent for head in await lab.heads()] == list(ids)
    way = " -> ".join([*ids, ids[0]])
    refusal = f"the agent 'a' is at work above this call already ({way}), so it cannot be called here"
    assert told(agents[-1]) == [f"Error: {refusal}"]


async def test_agents_call_each_other_only_so_deep(lab: Lab) -> None:
    levels = [agent_in(lab, DONE, id="level3")]
    for level in (2, 1, 0):
        tool = as_tool(levels[-1], max_depth=2)
        levels.append(agent_in(lab, calls(task(tool.name)), DONE, id=f"level{level}", tools=[tool]))
    assert (await lab.result(await ask(lab, levels[-1]))).response == "Done."
    assert [head.agent for head in await lab.heads()] == ["level0", "level1", "level2"]
    assert told(levels[1]) == ["Error: agents may call each other 2 levels deep, and that depth is reached"]


# Crashes and cancels


async def test_after_a_crash_the_agent_behind_a_tool_goes_on_and_is_not_started_again(lab: Lab) -> None:
    tool = RecordingTool(effect="read")
    child = agent_in(lab, calls("record"), HANGING, id="child", tools=[tool])
    agent = agent_in(lab, calls(task("child")), DONE, tools=[as_tool(child)])
    run = await ask(lab, agent)
    await lab.settle()
    assert await lab.status(run) == RunStatus.WAITING
    agent_in(lab, calls("record"), {"text": "42"}, id="child", tools=[tool])
    await lab.restart()
    assert (await lab.result(run)).response == "Done."
    assert told(agent) == ["42"]
    assert len(tool.calls) == 1
    assert len(await lab.heads()) == 2


async def test_cancelling_a_run_cancels_the_agents_that_work_for_it(lab: Lab) -> None:
    child = agent_in(lab, HANGING, id="child")
    agent = agent_in(lab, calls(task("child"), task("child")), DONE, tools=[as_tool(child)])
    run = await ask(lab, agent, session="s")
    await lab.settle()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED
    assert [head.status for head in await lab.heads()] == [RunStatus.CANCELLED] * 3
    assert [item["output"]["isError"] for item in await items_of(lab, run, "toolCall")] == [True, True]
    later = agent_in(lab, DONE, id="later")
    await lab.result(await ask(lab, later, session="s"))
    assert told(later) == ["The run was interrupted before this call gave a result."] * 2


async def test_a_hook_may_change_what_an_agent_behind_a_tool_is_asked(lab: Lab) -> None:
    async def other(id: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"task": f"{arguments['task']}, please"}

    child = agent_in(lab, {"text": "42"}, id="child")
    hooks = AgentHooks(on_before_tool_call=other)
    agent = agent_in(lab, calls(task("child")), DONE, tools=[as_tool(child)], hooks=hooks)
    await lab.result(await ask(lab, agent))
    assert requests_of(child)[0][0]["content"] == "look, please"


# Time


async def test_the_time_of_an_agent_below_is_the_time_of_those_above(lab: Lab) -> None:
    below = agent_in(lab, HANGING, id="below", run_timeout=None)
    middle = agent_in(lab, calls(task("below")), DONE, id="middle", tools=[as_tool(below)], run_timeout=None)
    agent = agent_in(lab, calls(task("middle")), {"text": "In short."}, tools=[as_tool(middle)], run_timeout=60)
    run = await ask(lab, agent)
    await lab.advance(59)
    assert await lab.status(run) == RunStatus.WAITING
    await lab.advance(1)
    result = await lab.result(run)
    assert (result.termination, result.response) == (TerminationReason.TIMEOUT, "In short.")
    assert told(agent) == ["The run was interrupted before this call gave a result."]
    assert [head.status for head in await lab.heads()][1:] == [RunStatus.CANCELLED] * 2


async def test_what_agents_below_took_is_not_there_for_what_follows(lab: Lab) -> None:
    gate = asyncio.Event()
    lab.is_replayable = False  # with the gate open from the start, the time is another
    below = agent_in(lab, calls("record"), DONE, id="below", tools=[RecordingTool(gate=gate, timeout_seconds=None)])
    agent = agent_in(lab, calls(task("below")), HANGING, tools=[as_tool(below)], run_timeout=60)
    run = await ask(lab, agent)
    await lab.advance(40)
    gate.set()
    await lab.advance(19)
    assert await lab.status(run) == RunStatus.RUNNING
    await lab.advance(1)
    assert (await lab.result(run)).termination == TerminationReason.TIMEOUT


async def test_an_agent_below_that_is_out_of_its_own_time_sums_up_for_those_above(lab: Lab) -> None:
    below = agent_in(lab, HANGING, {"text": "As far as I got."}, id="below", run_timeout=10)
    agent = agent_in(lab, calls(task("below")), DONE, tools=[as_tool(below)], run_timeout=60)
    run = await ask(lab, agent)
    await lab.advance(10)
    assert (await lab.result(run)).response == "Done."
    assert told(agent) == ["As far as I got."]
