"""A process that dies at any point: the next one over the same store goes on, and who waits can wait again by id."""

from dataclasses import replace

import pytest
from agent_lab import calls
from agiwo.scheduler import SchedulerConfig, TaskLimits
from agiwo.schema.run import RunStatus
from agiwo.schema.state import AgentStateStatus
from engine_lab import Lab
from scheduler_lab import DONE, Desk, agent_with, nap, query, spawn

pytestmark = pytest.mark.anyio

NAP = calls(nap("timer", delay_seconds=60))
FAMILY = {
    "go": [calls(spawn("a"), spawn("b"), nap()), {"text": "Together."}],
    "a": [calls(spawn("aa")), calls(nap()), {"text": "Up."}],
    "aa": [NAP, {"text": "Deep."}],
    "b": [NAP, {"text": "Side."}],
}


async def test_sleepers_sleep_on_to_the_same_deadline_and_waiters_wait_again_by_id(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with(FAMILY)])
    await desk.submit()
    await any_lab.advance(20)
    before = await desk.supervisor.states.look("b")
    await desk.restart()
    assert replace(await desk.supervisor.states.look("b"), updated_at=before.updated_at) == before
    await any_lab.advance(39.999)
    assert await desk.status("b") == AgentStateStatus.SLEEPING
    await any_lab.advance(0.001)
    assert (await desk.result()).response == "Together."
    assert desk.model.told("go")[2] == "Woken: 2 of 2 agents have ended.\n[a] Up.\n[b] Side."


async def test_a_deadline_that_went_by_meanwhile_fires_once_and_says_so(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({"go": [NAP, DONE]})])
    await desk.submit()
    await any_lab.settle()
    any_lab.clock = type(any_lab.clock)(any_lab.clock.now() + 90)
    await desk.restart()
    assert (await desk.result()).response == "Done."
    late = "That was due 30 seconds ago, when nobody was there to wake you."
    assert desk.model.told("go") == [f"Woken: 60 seconds are over.\n{late}"]


async def test_an_agent_that_ended_while_its_parent_was_gone_is_told_once(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with(FAMILY)])
    await desk.submit()
    await any_lab.settle()
    for _ in range(3):
        await desk.restart()
    await any_lab.advance(60)
    assert (await desk.result()).response == "Together."
    assert len(await any_lab.heads()) == 4


async def test_a_tree_ends_the_same_whichever_of_its_commits_was_the_last_one(replayed_lab: Lab) -> None:
    desk = Desk(replayed_lab, [agent_with(FAMILY | {"aa": [{"text": "Deep."}], "b": [{"text": "Side."}]})])
    assert (await desk.run()).response == "Together."


async def test_limits_count_the_same_whichever_commit_was_the_last_one(replayed_lab: Lab) -> None:
    wrong = spawn("x", agent="nobody"), spawn("y", child_id="root")
    parts = {"go": [calls(*wrong, spawn("a"), spawn("b"), spawn("c"), nap()), DONE]}
    desk = Desk(replayed_lab, [agent_with(parts)], SchedulerConfig(task_limits=TaskLimits(max_children_per_agent=2)))
    assert (await desk.run()).response == "Done."
    assert [told.startswith("Started") for told in desk.model.told("go")] == [False, False, True, True, False, False]


async def test_periods_and_sleeps_end_the_same_whichever_commit_was_the_last_one(replayed_lab: Lab) -> None:
    period, any_of = calls(nap("periodic", delay_seconds=10)), calls(nap(wait_mode="any", timeout=3))
    desk = Desk(replayed_lab, [agent_with({"go": [period, calls(spawn("b")), any_of, period, DONE], "b": [NAP, DONE]})])
    await desk.submit()
    for _ in range(7):
        await replayed_lab.advance(10)
    assert (await desk.result()).response == "Done."


async def test_tasks_that_were_waiting_are_done_in_their_order_by_the_next_process(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({"one": [NAP, DONE]})])
    await desk.submit("one", persistent=True)
    two = await desk.supervisor.submit_task("root", "two")
    three = await desk.supervisor.submit_task("root", "three")
    await desk.restart()
    await any_lab.advance(60)
    assert (await desk.result(task=two)).response == "did two"
    assert (await desk.result(task=three)).response == "did three"
    said = [message["content"] for message in desk.model.conversation("three")]
    assert [text for text in said if text in ("one", "two", "three")] == ["one", "two", "three"]


async def test_what_a_shutdown_began_is_finished_by_the_next_process(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({"one": [NAP, DONE]})])
    await desk.submit("one", persistent=True)
    await any_lab.settle()
    assert await desk.supervisor.shutdown("root")
    await desk.restart()
    assert (await desk.result()).status == RunStatus.COMPLETED
    assert await desk.status() == AgentStateStatus.COMPLETED


async def test_an_agent_sees_and_waits_for_those_of_earlier_tasks_after_a_restart(any_lab: Lab) -> None:
    parts = {"one": [calls(spawn("a")), DONE], "a": [NAP, DONE], "two": [calls(query("a")), calls(nap()), DONE]}
    desk = Desk(any_lab, [agent_with(parts)])
    await desk.submit("one", persistent=True)
    await desk.result()
    await desk.restart()
    await desk.supervisor.submit_task("root", "two")
    await any_lab.advance(60)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("two")[1:] == [
        '{"agent_id":"a","status":"sleeping","task":"a","result_summary":null}',
        "Woken: 1 of 1 agents have ended.\n[a] Done.",
    ]
