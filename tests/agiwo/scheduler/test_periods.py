"""Periodic wakes: at equal distances however long the work between them takes, until the agent or a limit ends them."""

import pytest
from agent_lab import calls
from agiwo.loop.period import Period
from agiwo.schema.state import AgentStateStatus, TimeUnit, WakeCondition, WakeType
from engine_lab import Lab
from scheduler_lab import DONE, Desk, agent_with, nap

pytestmark = pytest.mark.anyio

EACH_MINUTE = calls(nap("periodic", delay_seconds=1, time_unit="minutes"))
WOKEN = "Woken by the period. Sleep again to be woken at its next point; to end it, answer."


async def test_a_period_wakes_at_each_point_and_ends_when_the_agent_answers(lab: Lab) -> None:
    desk = Desk(lab, [agent_with({"go": [EACH_MINUTE, EACH_MINUTE, EACH_MINUTE, DONE]})])
    begin = lab.clock.now()
    await desk.submit()
    for point in (1, 2, 3):
        await lab.settle()
        wake = (await desk.supervisor.states.look("root")).wake_condition
        assert wake == WakeCondition(
            WakeType.PERIODIC, time_value=1, time_unit=TimeUnit.MINUTES, wakeup_at=begin + 60 * point
        )
        await lab.advance(59.999)
        assert await desk.status() == AgentStateStatus.SLEEPING
        await lab.advance(0.001)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("go") == [WOKEN] * 3
    await lab.advance(600)
    assert await desk.status() == AgentStateStatus.COMPLETED


async def test_work_between_the_points_of_a_period_does_not_move_them(lab: Lab) -> None:
    work = calls(nap("timer", delay_seconds=25))
    desk = Desk(lab, [agent_with({"go": [EACH_MINUTE, work, EACH_MINUTE, work, work, work, EACH_MINUTE, DONE]})])
    begin = lab.clock.now()
    await desk.submit()
    woken: list[float] = []
    for _ in range(300):
        await lab.advance(1)
        if desk.model.told("go").count(WOKEN) > len(woken):
            woken.append(lab.clock.now() - begin)
    assert woken == [60, 120, 240]  # the point at 180 went by while it was at work
    assert (await desk.result()).response == "Done."


async def test_a_period_with_an_end_wakes_a_last_time_at_its_end(lab: Lab) -> None:
    minutes = calls(nap("periodic", delay_seconds=1, time_unit="minutes", timeout=90))
    desk = Desk(lab, [agent_with({"go": [minutes, minutes, DONE]})])
    await desk.submit()
    await lab.advance(60)
    await lab.advance(29.999)
    assert await desk.status() == AgentStateStatus.SLEEPING
    await lab.advance(0.001)
    assert (await desk.result()).response == "Done."
    assert desk.model.told("go") == [WOKEN, "Woken for the last time: the time for this period is over."]


async def test_wakes_that_were_missed_while_nobody_was_there_are_one_wake_that_says_so(any_lab: Lab) -> None:
    desk = Desk(any_lab, [agent_with({"go": [EACH_MINUTE, EACH_MINUTE, DONE]})])
    await desk.submit()
    await any_lab.settle()
    any_lab.clock = type(any_lab.clock)(any_lab.clock.now() + 3600 + 1)
    await desk.restart()
    missed, *others = desk.model.told("go")
    assert (missed, others) == (f"{WOKEN}\nThat was due 3,541 seconds ago, when nobody was there to wake you.", [])
    await any_lab.advance(60)
    assert (await desk.result()).response == "Done."


def test_the_points_of_a_period_do_not_drift() -> None:
    period, now = Period(0.1, 1_700_000_000.0), 1_700_000_000.0
    for _ in range(1000):
        seconds = period.next(now)
        assert 0 < seconds <= 0.1 + 1e-6
        now += seconds
    assert abs(now - 1_700_000_100.0) < 1e-6
