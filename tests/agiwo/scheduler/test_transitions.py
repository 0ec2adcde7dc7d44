"""Every state that an agent can be in, and what may be done in it."""

from itertools import product

import pytest
from agiwo.scheduler.transitions import Action, refusal, status_of
from agiwo.schema.record import State
from agiwo.schema.run import RunStatus
from agiwo.schema.state import AgentStateStatus

PENDING, RUNNING, SLEEPING, COMPLETED, FAILED, CANCELLED = AgentStateStatus
SUBMIT, TASK, CANCEL, SHUTDOWN = ACTIONS = ("submit", "submit_task", "cancel", "shutdown")

ONCE = {
    RunStatus.QUEUED: (PENDING, {CANCEL, SHUTDOWN}),
    RunStatus.SUSPENDED: (PENDING, {CANCEL, SHUTDOWN}),
    RunStatus.RUNNING: (RUNNING, {CANCEL, SHUTDOWN}),
    RunStatus.WAITING: (RUNNING, {CANCEL, SHUTDOWN}),
    RunStatus.CANCELLING: (RUNNING, {CANCEL, SHUTDOWN}),
    RunStatus.SLEEPING: (SLEEPING, {CANCEL, SHUTDOWN}),
    RunStatus.COMPLETED: (COMPLETED, {SUBMIT, CANCEL}),
    RunStatus.FAILED: (FAILED, {SUBMIT, CANCEL}),
    RunStatus.CANCELLED: (CANCELLED, {SUBMIT, CANCEL}),
}
"""Of an agent with one task: by where its run stands, how it stands, and what can be done. Who has answered can still
be cancelled, because those that it started may be going on."""


def state(phase: str, *, persistent: bool) -> State:
    return State("root", "root", "s", "run", 0.0, 0.0, persistent=persistent, phase=phase)


def possible(state: State, run: RunStatus) -> tuple[AgentStateStatus, set[Action]]:
    status = status_of(state, run)
    return status, {action for action in ACTIONS if refusal(action, state, status) is None}


@pytest.mark.parametrize("run", RunStatus)
def test_an_agent_with_one_task_stands_where_its_run_does(run: RunStatus) -> None:
    assert possible(state("open", persistent=False), run) == ONCE[run]


@pytest.mark.parametrize("run", RunStatus)
def test_an_open_root_takes_tasks_wherever_its_task_stands_and_sleeps_when_that_is_over(run: RunStatus) -> None:
    status = SLEEPING if run.is_terminal else ONCE[run][0]
    assert possible(state("open", persistent=True), run) == (status, {TASK, CANCEL, SHUTDOWN})


@pytest.mark.parametrize("run", RunStatus)
def test_a_root_that_is_shut_down_can_only_be_cancelled_until_it_is_over(run: RunStatus) -> None:
    again: set[Action] = {SUBMIT} if run.is_terminal else set()
    assert possible(state("closing", persistent=True), run) == (ONCE[run][0], {CANCEL, *again})


@pytest.mark.parametrize("run", RunStatus)
def test_a_root_that_was_cancelled_can_only_begin_anew(run: RunStatus) -> None:
    assert possible(state("cancelled", persistent=True), run) == (CANCELLED, {SUBMIT})


def test_every_refusal_names_the_agent() -> None:
    for phase, persistent, run, action in product(("open", "closing", "cancelled"), (True, False), RunStatus, ACTIONS):
        given = state(phase, persistent=persistent)
        why = refusal(action, given, status_of(given, run))
        assert why is None or "'root'" in why
