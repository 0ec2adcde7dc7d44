"""Persistent roots: one task after the other, each with its own result, in one conversation, until they are ended."""

import asyncio

import pytest
from agent_lab import calls
from agiwo.errors import NotFound, StateConflict
from agiwo.schema.run import RunStatus
from agiwo.schema.state import AgentStateStatus, WakeCondition, WakeType
from engine_lab import Lab
from scheduler_lab import DONE, HANGING, Desk, agent_with, nap, spawn

pytestmark = pytest.mark.anyio


async def test_each_task_of_a_root_has_its_own_result_and_all_are_one_conversation(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({})])
    await desk.submit("one", persistent=True)
    assert (await desk.result()).response == "did one"
    two = await desk.supervisor.submit_task("root", "two")
    assert (await desk.result()).response == "did two"
    assert (await desk.result(task=two)).response == "did two"
    said = [message["content"] for message in desk.model.conversation("two")]
    assert said == ["one", "did one", "two"]


async def test_tasks_that_are_submitted_at_once_are_all_done_in_their_order(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({"one": [calls(nap("timer", delay_seconds=5)), DONE]})])
    await desk.submit("one", persistent=True)
    tasks = await asyncio.gather(*(desk.supervisor.submit_task("root", f"task {number}") for number in range(5)))
    assert await desk.status() == AgentStateStatus.SLEEPING
    await any_lab.advance(5)
    results = [await desk.result(task=task) for task in tasks]
    assert sorted(result.response or "" for result in results) == [f"did task {number}" for number in range(5)]
    said = [message["content"] for message in desk.model.requests[-1].messages if message["role"] == "user"]
    assert sorted(said) == ["one", *(f"task {number}" for number in range(5))]


async def test_a_root_does_more_tasks_than_it_may_wake_within_one(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({})])
    await desk.submit("task", persistent=True)
    for number in range(25):
        await desk.supervisor.submit_task("root", f"task {number}")
        assert (await desk.result()).response == f"did task {number}"
    assert await desk.status() == AgentStateStatus.SLEEPING


async def test_a_root_that_has_done_its_tasks_sleeps_until_it_is_given_another(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({})])
    await desk.submit("one", persistent=True)
    await desk.result()
    state = await desk.supervisor.states.look("root")
    assert (state.status, state.wake_condition) == (AgentStateStatus.SLEEPING, WakeCondition(WakeType.TASK_SUBMITTED))
    assert (state.task, state.result_summary, state.is_persistent) == ("one", "did one", True)


async def test_a_task_that_failed_or_was_cancelled_leaves_the_root_to_the_next_one(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"bad": [{"error": "no"}], "long": [HANGING]})])
    await desk.submit("bad", persistent=True)
    assert (await desk.result()).status == RunStatus.FAILED
    long = await desk.supervisor.submit_task("root", "long")
    await lab.settle()
    assert await lab.engine.cancel(long)
    assert (await desk.result()).status == RunStatus.CANCELLED
    await desk.supervisor.submit_task("root", "good")
    assert (await desk.result()).response == "did good"


async def test_agents_of_an_earlier_task_work_on_and_can_be_waited_for_in_a_later_one(lab: Lab) -> None:
    parts = {
        "one": [calls(spawn("a"), spawn("b")), calls(nap(wait_for=["b"])), DONE],
        "two": [calls(nap()), DONE],
        "a": [calls(nap("timer", delay_seconds=5)), DONE],
    }
    desk = Desk(lab, [agent_with(parts)])
    await desk.submit("one", persistent=True)
    assert (await desk.result()).response == "Done."
    await desk.supervisor.submit_task("root", "two")
    await lab.advance(5)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("two")[-1] == "Woken: 1 of 1 agents have ended.\n[a] Done."


async def test_the_children_of_all_tasks_count_for_the_limit(lab: Lab) -> None:
    parts = {"one": [calls(*(spawn(id) for id in "abcdefghij")), DONE], "two": [calls(spawn("k")), DONE]}
    desk = Desk(lab, [agent_with(parts | {id: [HANGING] for id in "abcdefghij"})])
    await desk.submit("one", persistent=True)
    await desk.result()
    await desk.supervisor.submit_task("root", "two")
    assert (await desk.result()).response == "Done."
    assert desk.model.told("two")[-1].startswith("Error: 10 agents that you started have not ended")
    assert await desk.supervisor.cancel("root")


async def test_only_persistent_agents_take_tasks(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({})])
    await desk.run()
    with pytest.raises(StateConflict, match="persistent=True"):
        await desk.supervisor.submit_task("root", "more")
    with pytest.raises(NotFound):
        await desk.supervisor.submit_task("nobody", "more")


async def test_an_agent_that_has_something_to_do_cannot_be_submitted_again(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [HANGING]})])
    await desk.submit()
    with pytest.raises(RuntimeError, match="'root' is"):
        await desk.submit("again")
    assert await desk.supervisor.cancel("root")
    assert (await desk.result()).status == RunStatus.CANCELLED
    assert (await desk.run("again")).response == "did again"


async def test_of_many_that_submit_the_same_agent_at_once_one_is_first(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({})])
    attempts = [desk.submit(f"task {number}", persistent=True) for number in range(5)]
    found = await asyncio.gather(*attempts, return_exceptions=True)
    assert [each for each in found if each == "root"] == ["root"]
    assert sum(isinstance(each, StateConflict) for each in found) == 4
    await desk.result()
    assert len(await any_lab.heads()) == 1


async def test_a_task_of_another_agent_is_none_of_this_one(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({}), agent_with({}, "other")])
    await desk.run()
    await desk.submit(agent="other")
    task = (await desk.supervisor.states.look("other")).run_id
    with pytest.raises(NotFound):
        await desk.result("root", task)
    with pytest.raises(NotFound):
        await desk.result("root", "run_nowhere")


async def test_an_agent_can_be_submitted_under_several_ids(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({})])
    ids = [await desk.submit(f"task {number}", state_id=f"root {number}") for number in range(3)]
    assert [(await desk.result(id)).response for id in ids] == [f"did task {number}" for number in range(3)]
