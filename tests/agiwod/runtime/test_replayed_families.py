"""Finished runs with agents below them, done once more: nothing that a child did is done twice."""

import pytest
from agiwo.agent import Agent
from agiwo.testing import RecordingTool, ScriptedModel
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.runs import Ask
from agiwod.runtime.scheduled import Order
from daemon_lab import running

pytestmark = pytest.mark.anyio


def calls(name: str, **arguments: object) -> dict[str, object]:
    return {"toolCalls": [{"name": name, "arguments": arguments}]}


async def said_to_helper(daemon: Daemon, run: str) -> list[str]:
    """What the calls of the run below that one gave."""
    await daemon.runs.wait(run)
    [child] = await daemon.runs.list(parent=run)
    events, _ = await daemon.runs.page(child.head.run, 0, 100)
    return [event.data["output"]["content"] for event in events if event.data.get("kind") == "toolCall"]


async def test_agents_below_get_their_recorded_results_too_and_do_nothing_twice() -> None:
    tool = RecordingTool("act", results=["acted"])
    helper = Agent("helper", "Helps.", ScriptedModel(turns=[calls("act"), {"text": "helped"}]), tools=[tool])
    model = ScriptedModel(turns=[calls("helper", task="help"), {"text": "done"}])
    async with running(Agent("boss", "Has others do it.", model, tools=[helper.as_tool()]), helper) as daemon:
        run = (await daemon.runs.start(Ask("boss", "go"))).head.run
        assert await said_to_helper(daemon, run) == ["acted"]

        same = (await daemon.replays.start(run)).head.run
        assert await said_to_helper(daemon, same) == ["acted"]

        model.turns = [calls("helper", task="help differently"), {"text": "done"}]
        other = (await daemon.replays.start(run)).head.run
        [told] = await said_to_helper(daemon, other)
        assert told.startswith("Not run:")
        assert len(tool.calls) == 1


async def test_what_a_child_answered_before_the_place_stands_as_well() -> None:
    asked = ScriptedModel(turns=[{"text": "helped"}])
    helper = Agent("helper", "Helps.", asked)
    model = ScriptedModel(turns=[calls("helper", task="help"), {"text": "done"}])
    async with running(Agent("boss", "Has others do it.", model, tools=[helper.as_tool()]), helper) as daemon:
        run = (await daemon.runs.start(Ask("boss", "go"))).head.run
        head = (await daemon.runs.wait(run)).head.head
        rerun = (await daemon.replays.start(run, start=head)).head.run
        state = await daemon.runs.wait(rerun)
        assert state.result
        assert state.result.response == "done"
        assert (len(asked.requests), len(model.requests)) == (1, 2)


async def test_a_scheduled_run_is_done_once_more_without_starting_anybody_or_sleeping() -> None:
    asked = ScriptedModel(turns=[{"text": "helped"}])
    naps = [calls("sleep_and_wait", wake_type="timer", delay_seconds=0.01)] * 12
    turns = [calls("spawn_agent", task="help", child_id="h"), calls("sleep_and_wait", wake_type="waitset"), *naps]
    model = ScriptedModel(turns=[*turns, {"text": "done"}])
    agents = [Agent("boss", "Has others do it.", model, tools=[]), Agent("helper", "Helps.", asked)]
    async with running(*agents) as daemon:
        run = (await daemon.scheduled.submit(Order("boss", "go"))).run
        head = (await daemon.runs.wait(run)).head.head
        before = await daemon.runs.list()
        rerun = (await daemon.replays.start(run, start=head)).head.run
        state = await daemon.runs.wait(rerun)
        assert state.result
        assert state.result.response == "done"
        assert len(await daemon.runs.list()) == len(before) + 1
