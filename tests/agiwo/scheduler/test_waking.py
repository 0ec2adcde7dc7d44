"""Agents that start others and sleep: what wakes them, when, and what they are told."""

from itertools import pairwise
from typing import Any

import pytest
from agent_lab import calls
from agiwo.schema.event import RUN_SLEEPING, RUN_WOKEN
from agiwo.schema.run import RunStatus, TerminationReason
from agiwo.schema.state import AgentStateStatus, WakeCondition, WakeType
from engine_lab import Lab
from scheduler_lab import DONE, HANGING, Desk, agent_with, model_of, nap, query, spawn

pytestmark = pytest.mark.anyio

A_BIT = calls(nap("timer", delay_seconds=5))


async def test_an_agent_is_woken_by_the_end_of_those_that_it_started(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({"go": [calls(spawn("a"), spawn("b")), calls(nap()), DONE]})])
    assert (await desk.run()).response == "Done."
    started = [f"Started the agent {id!r}. It works on its own; sleep_and_wait tells you how it ended." for id in "ab"]
    assert desk.model.told("go") == [*started, "Woken: 2 of 2 agents have ended.\n[a] did a\n[b] did b"]
    assert await desk.finished() == dict.fromkeys(["root", "a", "b"], RunStatus.COMPLETED)


@pytest.mark.parametrize("order", [(nap(), spawn("a")), (spawn("a"), nap())], ids=["nap first", "spawn first"])
async def test_a_sleep_knows_what_the_same_answer_starts_in_whichever_order(lab: Lab, order: tuple[Any, ...]) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(*order), DONE]})])
    assert (await desk.run()).response == "Done."
    assert "Woken: 1 of 1 agents have ended.\n[a] did a" in desk.model.told("go")


async def test_an_agent_that_ended_before_the_sleep_counts_at_once(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(spawn("a")), A_BIT, calls(nap()), DONE]})])
    await desk.submit()
    await lab.advance(5)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("go")[1:] == ["Woken: 5 seconds are over.", "Woken: 1 of 1 agents have ended.\n[a] did a"]


async def test_any_is_satisfied_by_the_first_that_ends_and_each_end_is_told_once(lab: Lab) -> None:
    waits = calls(nap(wait_mode="any"))
    desk = Desk(lab, [agent_with({"go": [calls(spawn("a"), spawn("b")), waits, waits, DONE], "a": [A_BIT, DONE]})])
    await desk.submit()
    await lab.settle()
    assert desk.model.told("go")[2:] == ["Woken: 1 of 2 agents have ended.\n[a] is still going\n[b] did b"]
    await lab.advance(5)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("go")[3:] == ["Woken: 1 of 1 agents have ended.\n[a] Done."]


async def test_chosen_agents_are_waited_for_and_the_others_are_not(lab: Lab) -> None:
    parts = {"go": [calls(spawn("a"), spawn("b")), calls(nap(wait_for=["b"])), DONE], "a": [HANGING]}
    desk = Desk(lab, [agent_with(parts)])
    assert (await desk.run()).response == "Done."
    assert desk.model.told("go")[2] == "Woken: 1 of 1 agents have ended.\n[b] did b"
    assert await desk.status("a") == AgentStateStatus.RUNNING
    assert await desk.supervisor.cancel("a")
    await desk.result("a")


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (nap(wait_for=["a", "z"]), "Error: there is no agent 'z' below you; yours are a"),
        (nap("timer"), "Error: a sleep of the type 'timer' needs delay_seconds"),
        (nap("timer", delay_seconds=-1), "- delay_seconds: -1 is less"),
        (nap("timer", delay_seconds=1e308, time_unit="hours"), "Error: a sleep lasts at most 1,000,000,000 seconds"),
        (nap(timeout=1e12), "Error: a sleep lasts at most 1,000,000,000 seconds"),
        (nap("forever"), "- wake_type: "),
    ],
    ids=["unknown agent", "no delay", "wrong delay", "endless delay", "endless timeout", "unknown type"],
)
async def test_a_sleep_that_nothing_could_end_is_an_error_that_the_model_reads(lab: Lab, wait: Any, said: str) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(spawn("a")), calls(wait), DONE]})])
    assert (await desk.run()).response == "Done."
    assert said in desk.model.told("go")[1]


async def test_who_has_started_nobody_or_was_told_of_all_is_told_that_there_is_nobody_to_wait_for(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(nap()), calls(spawn("a")), calls(nap()), calls(nap()), DONE]})])
    assert (await desk.run()).response == "Done."
    told = desk.model.told("go")
    assert told[0] == "Error: there is no agent to wait for: you have started none"
    assert told[3] == "Error: there is no agent to wait for: you were told how each of them ended"


async def test_agents_that_failed_or_were_cancelled_satisfy_a_sleep_and_are_told_as_such(lab: Lab) -> None:
    failing = [{"error": {"kind": "bad_request", "message": "no such luck"}}]
    parts = {"go": [calls(spawn("a"), spawn("b")), calls(nap()), DONE], "a": failing, "b": [HANGING]}
    desk = Desk(lab, [agent_with(parts)])
    await desk.submit()
    await lab.settle()
    assert await desk.supervisor.cancel("b", "not needed")
    assert (await desk.result()).response == "Done."
    headline, failed, cancelled = desk.model.told("go")[2].split("\n")
    assert headline == "Woken: 2 of 2 agents have ended."
    assert failed.startswith("[a] failed: ")
    assert "no such luck" in failed
    assert cancelled == "[b] was cancelled: not needed"
    assert (await desk.status("a"), await desk.status("b")) == (AgentStateStatus.FAILED, AgentStateStatus.CANCELLED)


async def test_when_the_time_to_wait_is_over_there_are_partial_results(lab: Lab) -> None:
    parts = {"go": [calls(spawn("a"), spawn("b")), calls(nap(timeout=3)), DONE], "a": [A_BIT, DONE]}
    desk = Desk(lab, [agent_with(parts)])
    await desk.submit()
    await lab.advance(2.999)
    assert await desk.status() == AgentStateStatus.SLEEPING
    await lab.advance(0.001)
    assert (await desk.result()).response == "Done."
    over = "Woken: 1 of 2 agents have ended, and the 3 seconds to wait are over.\n[a] is still going\n[b] did b"
    assert desk.model.told("go")[2] == over
    await lab.advance(5)
    assert (await desk.result("a")).response == "Done."


async def test_a_sleep_that_names_no_timeout_has_the_one_of_the_limits(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(spawn("a")), calls(nap()), DONE], "a": [A_BIT] * 200})])
    await desk.submit()
    await lab.settle()
    wake = (await desk.supervisor.states.look("root")).wake_condition
    assert wake == WakeCondition(WakeType.WAITSET, ("a",), timeout_at=lab.clock.now() + 600)
    assert await desk.supervisor.cancel("root")
    assert (await desk.result()).status == RunStatus.CANCELLED


async def test_a_timer_wakes_at_its_time_and_not_a_hair_before(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({"go": [calls(nap("timer", delay_seconds=2, time_unit="minutes")), DONE]})])
    await desk.submit()
    await any_lab.advance(119.999)
    assert await desk.status() == AgentStateStatus.SLEEPING
    await any_lab.advance(0.001)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("go") == ["Woken: 120 seconds are over."]


async def test_three_levels_and_more_work_for_each_other(any_lab: Lab) -> None:
    levels = ["go", "a", "b", "c", "d"]
    parts = {up: [calls(spawn(below)), calls(nap()), {"text": f"{up} done"}] for up, below in pairwise(levels)}
    desk = Desk(any_lab, [agent_with(parts)])
    assert (await desk.run()).response == "go done"
    assert [desk.model.told(task)[1] for task in levels[:4]] == [
        f"Woken: 1 of 1 agents have ended.\n[{id}] {said}"
        for id, said in [("a", "a done"), ("b", "b done"), ("c", "c done"), ("d", "did d")]
    ]
    tree = await desk.supervisor.states.tree("root")
    depths = {}
    while tree:
        depths[tree.state.id] = tree.state.depth
        tree = tree.children[0] if tree.children else None
    assert depths == {"root": 0, "a": 1, "b": 2, "c": 3, "d": 4}


async def test_a_child_has_its_parents_tools_and_prompt_unless_it_is_given_a_prompt_or_is_another_agent(
    lab: Lab,
) -> None:
    turns = [calls(spawn("a"), spawn("b", system_prompt="You are b."), spawn("c", agent="other")), calls(nap()), DONE]
    root = agent_with({"go": turns, "b": [calls(spawn("bb")), calls(nap()), DONE]}, system_prompt="You are the root.")
    other = agent_with({}, "other", system_prompt="You are the other.")
    desk = Desk(lab, [root, other])
    assert (await desk.run()).response == "Done."
    prompts = {task: desk.model.conversation(task)[0]["content"] for task in ("a", "b", "bb")}
    assert prompts == {"a": "You are the root.", "b": "You are b.", "bb": "You are b."}
    assert model_of(other).conversation("c")[0]["content"] == "You are the other."
    assert (await desk.supervisor.states.look("c")).agent_id == "other"


async def test_an_agent_that_nobody_knows_cannot_be_started(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(spawn("a", agent="nobody")), DONE]})])
    assert (await desk.run()).response == "Done."
    assert desk.model.told("go") == ["Error: no agent 'nobody'; there are root"]


@pytest.mark.parametrize("id", ["root", "elsewhere", "elsewhere_child"])
async def test_an_id_that_a_model_chooses_never_touches_a_foreign_agent(lab: Lab, id: str) -> None:
    root = agent_with({"go": [calls(spawn("x", child_id=id)), DONE]})
    foreign = agent_with({"go": [calls(spawn("y", child_id="elsewhere_child")), calls(nap()), DONE]}, "elsewhere")
    desk = Desk(lab, [root, foreign])
    await desk.submit(agent="elsewhere")
    await desk.result("elsewhere")
    before = [await desk.supervisor.states.look(each) for each in ("elsewhere", "elsewhere_child")]
    assert (await desk.run()).response == "Done."
    assert desk.model.told("go") == [f"Error: there is another agent with the id {id!r}"]
    assert [await desk.supervisor.states.look(each) for each in ("elsewhere", "elsewhere_child")] == before


async def test_the_id_of_a_child_that_has_ended_can_be_used_again_by_its_parent_and_not_before(lab: Lab) -> None:
    again = calls(spawn("x", child_id="a"))
    parts = {"go": [calls(spawn("a")), again, calls(nap()), again, calls(nap()), DONE], "a": [A_BIT, DONE]}
    desk = Desk(lab, [agent_with(parts)])
    await desk.submit()
    await lab.advance(5)
    assert (await desk.result()).response == "Done."
    told = desk.model.told("go")
    assert (told[1], told[2]) == (
        "Error: the agent 'a' is still at work",
        "Woken: 1 of 1 agents have ended.\n[a] Done.",
    )
    assert told[4] == "Woken: 1 of 1 agents have ended.\n[a] did x"


async def test_an_agent_sees_those_below_it_and_nobody_else(lab: Lab) -> None:
    below = calls(query("a"), query("aa"), query("root"), query("elsewhere"), query("nobody"))
    parts = {"go": [calls(spawn("a")), calls(nap()), below, DONE], "a": [calls(spawn("aa")), calls(nap()), DONE]}
    desk = Desk(lab, [agent_with(parts), agent_with({}, "elsewhere")])
    await desk.submit(agent="elsewhere")
    assert (await desk.run()).response == "Done."
    told = desk.model.told("go")[2:]
    assert told[0] == '{"agent_id":"a","status":"completed","task":"a","result_summary":"Done."}'
    assert told[1] == '{"agent_id":"aa","status":"completed","task":"aa","result_summary":"did aa"}'
    assert told[2:] == [f"Error: there is no agent {id!r} below you" for id in ("root", "elsewhere", "nobody")]


async def test_limits_of_a_run_count_anew_after_each_wake(lab: Lab) -> None:
    root = agent_with({"go": [A_BIT, A_BIT, A_BIT, DONE]})
    root.options.max_steps = 2
    desk = Desk(lab, [root])
    await desk.submit()
    for _ in range(3):
        await lab.advance(5)
    result = await desk.result()
    assert (result.response, result.termination) == ("Done.", TerminationReason.COMPLETED)


async def test_sleeping_and_waking_are_told_to_who_looks_on(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(spawn("a")), calls(nap(timeout=7)), DONE]})])
    await desk.submit()
    run = (await desk.supervisor.states.look("root")).run_id
    lab.follow(run)
    await desk.result()
    told = {event.type: event.data for event in await lab.events(run)}
    assert told[RUN_SLEEPING] == {
        "seconds": 7,
        "reason": "waits for 1 agent",
        "wake": {"type": "waitset", "waitFor": ["a"], "mode": "all"},
    }
    assert told[RUN_WOKEN] == {"by": "waitset", "ended": ["a"], "wakes": 1}


async def test_a_long_answer_is_cut_so_that_all_of_them_can_be_sent_to_a_model(lab: Lab) -> None:
    parts = {"go": [calls(spawn("a"), spawn("b")), calls(nap()), DONE], "a": [{"text": "long " * 20_000}]}
    desk = Desk(lab, [agent_with(parts)])
    assert (await desk.run()).response == "Done."
    told = desk.model.told("go")[2]
    assert len(told) < 26_000
    assert "[… 75,000 more characters; query_spawned_agent tells all of 'a']" in told
    assert told.endswith("[b] did b")
