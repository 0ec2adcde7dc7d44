"""How agents are ended: cancelled for good, or shut down with a last word, and all below them with them."""

import pytest
from agent_lab import calls
from agiwo.errors import NotFound, StateConflict
from agiwo.schema.run import RunStatus
from agiwo.schema.state import AgentStateStatus
from engine_lab import Lab
from scheduler_lab import DONE, HANGING, Desk, agent_with, nap, spawn

pytestmark = pytest.mark.anyio

FAMILY = {
    "go": [calls(spawn("a"), spawn("b")), calls(nap()), DONE],
    "a": [calls(spawn("aa")), calls(nap()), DONE],
    "aa": [HANGING],
    "b": [calls(nap("timer", delay_seconds=5)), DONE],
}
CANCELLED = AgentStateStatus.CANCELLED


async def stand(desk: Desk, *states: str) -> list[AgentStateStatus]:
    return [await desk.status(state) for state in states]


# Cancelling


async def test_cancelling_ends_an_agent_and_all_below_it_for_good(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with(FAMILY)])
    await desk.submit()
    await any_lab.settle()
    assert await desk.supervisor.cancel("root", "enough")
    result = await desk.result()
    assert (result.status, result.reason) == (RunStatus.CANCELLED, "enough")
    await any_lab.advance(1000)
    assert await stand(desk, "root", "a", "aa", "b") == [CANCELLED] * 4
    assert not await desk.supervisor.cancel("root")
    await desk.restart()
    assert await stand(desk, "root", "a", "aa", "b") == [CANCELLED] * 4


async def test_cancelling_in_the_middle_leaves_those_above_and_beside_at_work(lab: Lab) -> None:
    desk = Desk(lab, [agent_with(FAMILY)])
    await desk.submit()
    await lab.settle()
    assert await desk.supervisor.cancel("a", "enough")
    await lab.advance(5)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("go")[2] == "Woken: 2 of 2 agents have ended.\n[a] was cancelled: enough\n[b] Done."
    assert await stand(desk, "a", "aa") == [CANCELLED] * 2


async def test_what_an_agent_left_behind_is_cancelled_with_it_although_it_has_answered(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(spawn("a")), DONE], "a": [calls(spawn("aa")), DONE], "aa": [HANGING]})])
    assert (await desk.run()).response == "Done."
    assert (await desk.result("a")).response == "Done."
    assert await desk.supervisor.cancel("root")
    assert (await desk.result("aa")).status == RunStatus.CANCELLED
    assert await stand(desk, "root", "a", "aa") == [AgentStateStatus.COMPLETED, AgentStateStatus.COMPLETED, CANCELLED]
    assert not await desk.supervisor.cancel("root")


async def test_cancelling_a_root_empties_its_queue_and_it_takes_no_more_tasks(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({"one": [HANGING]})])
    await desk.submit("one", persistent=True)
    tasks = [await desk.supervisor.submit_task("root", f"task {number}") for number in range(3)]
    assert await desk.supervisor.cancel("root", "enough")
    assert [(await desk.result(task=task)).status for task in tasks] == [RunStatus.CANCELLED] * 3
    assert [request.messages[-1]["content"] for request in desk.model.requests] in ([], ["one"])
    assert await desk.status() == CANCELLED
    with pytest.raises(StateConflict, match="was cancelled"):
        await desk.supervisor.submit_task("root", "more")
    await desk.restart()
    assert await desk.status() == CANCELLED
    await desk.submit("anew")
    assert (await desk.result()).response == "did anew"


async def test_a_root_with_nothing_to_do_can_be_cancelled(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({})])
    await desk.submit(persistent=True)
    await desk.result()
    assert await desk.supervisor.cancel("root")
    assert await desk.status() == CANCELLED
    assert not await desk.supervisor.cancel("root")


async def test_nobody_can_be_ended_who_is_not_there(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({})])
    for attempt in (
        desk.supervisor.cancel,
        desk.supervisor.shutdown,
        desk.supervisor.states.tree,
        desk.supervisor.states.look,
    ):
        with pytest.raises(NotFound, match="nobody"):
            await attempt("nobody")


# Shutting down


async def test_a_sleeping_agent_that_is_shut_down_says_a_last_word(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({"go": [calls(nap("timer", delay_seconds=5)), DONE]})])
    await desk.submit()
    await any_lab.settle()
    assert await desk.supervisor.shutdown("root")
    result = await desk.result()
    assert (result.status, result.response) == (RunStatus.COMPLETED, "go: summed up.")
    assert not await desk.supervisor.shutdown("root")


async def test_an_agent_at_work_that_is_shut_down_ends_its_work_and_sleeps_no_more(lab: Lab) -> None:
    working = [{"text": "at it", "delayMs": 1, **calls(nap("timer", delay_seconds=5))}, DONE]
    desk = Desk(lab, [agent_with({"go": working})])
    await desk.submit()
    assert await desk.supervisor.shutdown("root")
    assert (await desk.result()).response == "go: summed up."


async def test_shutting_down_goes_to_all_below_and_what_has_not_begun_does_not_begin(lab: Lab) -> None:
    desk = Desk(lab, [agent_with(FAMILY | {"aa": [calls(nap("timer", delay_seconds=9)), DONE]})])
    await desk.submit()
    await lab.settle()
    assert await desk.supervisor.shutdown("root")
    said = {state: (await desk.result(state)).response for state in ("root", "a", "aa", "b")}
    assert said == {"root": "go: summed up.", "a": "a: summed up.", "aa": "aa: summed up.", "b": "b: summed up."}


async def test_a_root_that_is_shut_down_says_a_last_word_and_is_over(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({})])
    await desk.submit("one", persistent=True)
    await desk.result()
    assert await desk.supervisor.shutdown("root")
    last = await desk.result()
    assert (last.response or "").startswith("did You are being shut down")
    assert await desk.status() == AgentStateStatus.COMPLETED
    assert not await desk.supervisor.shutdown("root")
    with pytest.raises(StateConflict, match="is being shut down, or was"):
        await desk.supervisor.submit_task("root", "more")
    await desk.submit("anew", persistent=True)
    assert (await desk.result()).response == "did anew"


async def test_the_task_at_hand_is_ended_and_those_that_have_not_begun_are_dropped_when_a_root_is_shut_down(
    lab: Lab,
) -> None:
    desk = Desk(lab, [agent_with({"one": [calls(nap("timer", delay_seconds=5)), DONE]})])
    await desk.submit("one", persistent=True)
    one = (await desk.supervisor.states.look("root")).run_id
    two = await desk.supervisor.submit_task("root", "two")
    await lab.settle()
    assert await desk.supervisor.shutdown("root")
    assert (await desk.result(task=one)).response == "one: summed up."
    assert (await desk.result(task=two)).status == RunStatus.CANCELLED
    assert (await desk.result()).status == RunStatus.COMPLETED
    assert await desk.status() == AgentStateStatus.COMPLETED


async def test_a_shutdown_can_be_cut_short_by_a_cancel(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [HANGING]})])
    await desk.submit(persistent=True)
    await lab.settle()
    assert await desk.supervisor.shutdown("root")
    assert await desk.status() == AgentStateStatus.RUNNING
    assert await desk.supervisor.cancel("root")
    assert (await desk.result()).status == RunStatus.CANCELLED
    assert await desk.status() == CANCELLED
