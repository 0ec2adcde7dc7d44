"""Agents that start others and sleep: what wakes them, when, and what they are told."""

from typing import Any

import pytest
from agent_lab import calls
from agiwo.schema.run import RunStatus
from engine_lab import Lab
from scheduler_lab import DONE, Desk, agent_with, nap, spawn

pytestmark = pytest.mark.anyio


async def test_an_agent_is_woken_by_the_end_of_those_that_it_started(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(spawn("a"), spawn("b")), calls(nap()), DONE]})])
    assert (await desk.run()).response == "Done."
    started = [f"Started the agent {id!r}. It works on its own; sleep_and_wait tells you how it ended." for id in "ab"]
    assert desk.model.told("go") == [*started, "Woken: 2 of 2 agents have ended.\n[a] did a\n[b] did b"]
    assert await desk.finished() == dict.fromkeys(["root", "a", "b"], RunStatus.COMPLETED)


@pytest.mark.parametrize("order", [(nap(), spawn("a")), (spawn("a"), nap())])
async def test_a_sleep_knows_what_the_same_answer_starts_in_whichever_order(lab: Lab, order: tuple[Any, ...]) -> None:
    desk = Desk(lab, [agent_with({"go": [calls(*order), DONE]})])
    assert (await desk.run()).response == "Done."
    assert "Woken: 1 of 1 agents have ended.\n[a] did a" in desk.model.told("go")


async def test_an_agent_that_ended_before_the_sleep_counts_at_once(lab: Lab) -> None:
    desk = Desk(
        lab, [agent_with({"go": [calls(spawn("a")), calls(nap("timer", delay_seconds=5)), calls(nap()), DONE]})]
    )
    await desk.submit()
    await lab.advance(5)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("go")[1:] == ["Woken: 5 seconds are over.", "Woken: 1 of 1 agents have ended.\n[a] did a"]


async def test_one_of_many_is_enough_when_any_is_waited_for_and_each_wakes_once(lab: Lab) -> None:
    sleeps = [calls(nap(wait_mode="any")), calls(nap(wait_mode="any"))]
    parts = {"go": [calls(spawn("a"), spawn("b")), *sleeps, DONE], "a": [calls(nap("timer", delay_seconds=9)), DONE]}
    desk = Desk(lab, [agent_with(parts)])
    await desk.submit()
    await lab.settle()
    assert "Woken: 1 of 2 agents have ended.\n[b] did b\n[a] is still going" in desk.model.told("go")[2].replace(
        "[a] is still going\n[b] did b", "[b] did b\n[a] is still going"
    )
    await lab.advance(9)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("go")[3] == "Woken: 1 of 1 agents have ended.\n[a] Done."
