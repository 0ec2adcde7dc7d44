"""Scheduled agents and what they wait for, as plain data."""

import orjson
import pytest
from agiwo.scheduler import AgentState, AgentStateStatus, TimeUnit, WaitMode, WakeCondition, WakeType

TWO = ("a", "b")


@pytest.mark.parametrize(
    ("mode", "ended", "is_satisfied"),
    [
        (WaitMode.ALL, (), False),
        (WaitMode.ALL, ("a",), False),
        (WaitMode.ALL, TWO, True),
        (WaitMode.ANY, (), False),
        (WaitMode.ANY, ("b",), True),
        (WaitMode.ANY, ("elsewhere",), False),
    ],
)
def test_a_waitset_is_satisfied_by_the_ends_that_it_waits_for(
    mode: WaitMode, ended: tuple[str, ...], is_satisfied: bool
) -> None:
    assert WakeCondition(WakeType.WAITSET, TWO, mode, ended).is_satisfied(0.0) == is_satisfied


def test_a_waitset_of_nobody_is_never_satisfied() -> None:
    assert not WakeCondition(WakeType.WAITSET).is_satisfied(1e12)


@pytest.mark.parametrize("kind", [WakeType.TIMER, WakeType.PERIODIC])
def test_a_time_is_reached_when_it_has_come_and_not_before(kind: WakeType) -> None:
    condition = WakeCondition(kind, time_value=1, time_unit=TimeUnit.HOURS, wakeup_at=3600.0)
    assert [condition.is_satisfied(now) for now in (0.0, 3599.999, 3600.0, 9999.0)] == [False, False, True, True]
    assert not WakeCondition(kind).is_satisfied(1e12)


def test_a_root_waits_for_a_task() -> None:
    assert not WakeCondition(WakeType.TASK_SUBMITTED).is_satisfied(0.0)
    assert WakeCondition(WakeType.TASK_SUBMITTED, submitted_task="do it").is_satisfied(0.0)


def test_the_time_to_wait_is_over_when_it_is() -> None:
    condition = WakeCondition(WakeType.WAITSET, TWO, timeout_at=10.0)
    assert [condition.is_timed_out(now) for now in (9.999, 10.0, 11.0)] == [False, True, True]
    assert not WakeCondition(WakeType.WAITSET, TWO).is_timed_out(1e12)


def test_what_is_told_as_json_comes_back_as_it_was() -> None:
    wake = WakeCondition(WakeType.WAITSET, TWO, WaitMode.ANY, ("a",), 5, TimeUnit.MINUTES, 1.0, "task", 2.0)
    state = AgentState("a", "s", "agent", AgentStateStatus.SLEEPING, "task", "root", "root", {}, wake, "so far", True)
    for each in (state, AgentState("b", "s", "agent", AgentStateStatus.PENDING)):
        assert AgentState.from_dict(orjson.loads(orjson.dumps(each.to_dict()))) == each


def test_a_unit_of_time_is_so_many_seconds() -> None:
    assert [unit.seconds for unit in TimeUnit] == [1, 60, 3600]


def test_only_who_has_nothing_to_do_any_more_is_not_active() -> None:
    assert [status for status in AgentStateStatus if not status.is_active] == [
        AgentStateStatus.COMPLETED,
        AgentStateStatus.FAILED,
        AgentStateStatus.CANCELLED,
    ]
