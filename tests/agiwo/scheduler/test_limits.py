"""What agents that start others have to keep to: depth, number, wakes, budget, and how many work at the same time."""

from pathlib import Path
from typing import Any

import pytest
from agent_lab import calls
from agiwo.agent import Budget, RunStepStorageConfig
from agiwo.errors import ConfigError
from agiwo.loop.guard import TaskGuard
from agiwo.scheduler import AgentStateStorageConfig, SchedulerConfig, TaskLimits
from agiwo.schema.run import RunStatus, TerminationReason
from agiwo.schema.state import AgentStateStatus
from engine_lab import Lab
from scheduler_lab import DONE, HANGING, Desk, agent_with, nap, spawn

pytestmark = pytest.mark.anyio

TIRED = "Error: you were woken 3 times in this task, and that is the limit: finish it now"


def limited(**limits: Any) -> SchedulerConfig:
    return SchedulerConfig(task_limits=TaskLimits(**limits))


async def test_agents_start_each_other_so_many_levels_deep(lab: Lab) -> None:
    parts = {"go": [calls(spawn("a")), calls(nap()), DONE], "a": [calls(spawn("b")), DONE]}
    desk = Desk(lab, [agent_with(parts)], limited(max_depth=1))
    assert (await desk.run()).response == "Done."
    assert desk.model.told("a") == ["Error: agents may start each other 1 levels deep, and that depth is reached"]


async def test_an_agent_has_so_many_others_at_a_time_also_when_it_starts_them_in_one_answer(lab: Lab) -> None:
    four = calls(*(spawn(id) for id in "abcd"))
    parts = {"go": [four, calls(nap(wait_for=["a"])), calls(spawn("e")), calls(nap(wait_for=["e"])), DONE]}
    desk = Desk(lab, [agent_with(parts | {"b": [HANGING], "c": [HANGING]})], limited(max_children_per_agent=3))
    assert (await desk.run()).response == "Done."
    told, refused = desk.model.told("go"), "3 agents that you started have not ended, and there may be no more"
    assert [refused in each for each in told] == [False, False, False, True, False, False, False]
    assert set(await desk.finished()) == {"root", "a", "e"}
    await desk.supervisor.cancel("root")


async def test_calls_that_start_nobody_take_no_room_from_those_beside_them(lab: Lab) -> None:
    wrong = spawn("a", agent="nobody"), spawn("b", child_id="root"), ("spawn_agent", {"child_id": "c"})
    parts = {"go": [calls(*wrong, spawn("d"), spawn("e"), spawn("f")), calls(nap()), DONE]}
    desk = Desk(lab, [agent_with(parts)], limited(max_children_per_agent=2))
    assert (await desk.run()).response == "Done."
    assert [told.startswith("Started") for told in desk.model.told("go")[:6]] == [False] * 3 + [True, True, False]
    assert "2 agents that you started have not ended" in desk.model.told("go")[5]
    assert set(await desk.finished()) == {"root", "d", "e"}


async def test_an_agent_wakes_so_often_in_a_task_and_is_told_to_finish_then(lab: Lab) -> None:
    desk = Desk(
        lab, [agent_with({"go": [calls(nap("timer", delay_seconds=1))] * 4 + [DONE]})], limited(max_wake_count=3)
    )
    await desk.submit()
    for _ in range(4):
        await lab.advance(1)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("go") == [*["Woken: 1 seconds are over."] * 3, TIRED]
    assert (await desk.supervisor.states.look("root")).wake_count == 3


async def test_who_never_finishes_is_made_to_sum_up(lab: Lab) -> None:
    root = agent_with({"go": [calls(nap("periodic", delay_seconds=1))] * 40})
    desk = Desk(lab, [root], limited(max_wake_count=3))
    await desk.submit()
    for _ in range(20):
        await lab.advance(1)
    result = await desk.result()
    assert (result.response, result.termination) == ("go: summed up.", TerminationReason.MAX_STEPS)
    assert desk.model.told("go").count(TIRED) == root.options.max_steps


async def test_the_time_asleep_is_not_the_time_of_the_run(lab: Lab) -> None:
    root = agent_with({"go": [calls(nap("timer", delay_seconds=5, time_unit="hours")), DONE]})
    root.options.run_timeout = 10
    desk = Desk(lab, [root])
    await desk.submit()
    await lab.advance(5 * 3600)
    assert (await desk.result()).termination == TerminationReason.COMPLETED


async def test_a_tree_draws_from_one_budget_and_what_an_agent_did_not_use_comes_back(lab: Lab) -> None:
    used = {"usage": {"inputTokens": 10, "outputTokens": 10}}
    parts = {
        "go": [
            calls(spawn("a")) | used,
            calls(nap()) | used,
            calls(spawn("b")) | used,
            calls(nap()) | used,
            DONE | used,
        ],
        "a": [{"text": "A.", **used}],
        "b": [{"text": "B.", **used}],
    }
    desk = Desk(lab, [agent_with(parts)])
    result = await desk.run(budget=Budget(tokens=2000))
    assert (result.response, result.usage.total_tokens) == ("Done.", 7 * 20)
    assert "[a] A." in desk.model.told("go")[1]


async def test_an_agent_for_which_no_budget_is_left_is_not_started(lab: Lab) -> None:
    used = {"usage": {"inputTokens": 10, "outputTokens": 10}}
    parts = {"go": [calls(*(spawn(id) for id in "abc")) | used, DONE | used]}
    desk = Desk(lab, [agent_with(parts)])
    assert (await desk.run(budget=Budget(calls=3))).response == "Done."
    assert desk.model.told("go") == ["Error: what is left of the budget is too little for another agent"] * 3


async def test_a_run_that_leaves_agents_behind_says_that_more_was_used_than_it_knows(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(spawn("a")), DONE], "a": [HANGING]})])
    result = await desk.run()
    assert result.usage.cost_basis == "lower_bound"
    assert await desk.status("a") == AgentStateStatus.RUNNING
    assert await desk.supervisor.cancel("root")
    assert (await desk.result("a")).status == RunStatus.CANCELLED


@pytest.mark.parametrize(
    "wrong",
    [{"max_depth": -1}, {"max_children_per_agent": -1}, {"max_wake_count": -1}, {"default_wait_timeout": 0}],
    ids=str,
)
def test_limits_that_make_no_sense_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TaskLimits(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"max_concurrent": 0}, {"check_interval": 0}, {"graceful_shutdown_wait_seconds": -1}], ids=str
)
def test_a_configuration_that_makes_no_sense_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SchedulerConfig(**wrong)


def test_scheduled_agents_have_a_file_of_their_own_unless_another_is_named() -> None:
    assert AgentStateStorageConfig("sqlite").place == Path("scheduler.db").resolve()
    assert RunStepStorageConfig("sqlite").place == Path("agiwo.db").resolve()
    assert AgentStateStorageConfig("sqlite", {"db_path": "mine.db"}).place == Path("mine.db").resolve()


def test_limits_are_the_same_when_they_come_back_from_a_plan() -> None:
    limits = TaskLimits(1, 2, 3.5, 4)
    assert TaskLimits.from_json(limits.to_json()) == limits


@pytest.mark.parametrize(("reached", "is_refused"), [(2, False), (3, True), (4, True)])
def test_a_limit_is_reached_and_not_passed(reached: int, is_refused: bool) -> None:
    guard = TaskGuard(TaskLimits(3, 3, 600, 3))
    refusals = [guard.refuse_level(reached, {}), guard.refuse_child(reached), guard.refuse_sleep(reached)]
    assert [refusal is not None for refusal in refusals] == [is_refused] * 3
