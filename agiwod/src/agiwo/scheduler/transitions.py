"""What a scheduled agent's state is, and what may be done in it. Pure: every case is in here, and none is guessed."""

from typing import Final, Literal

from agiwo.schema.record import State
from agiwo.schema.run import RunStatus
from agiwo.schema.state import AgentStateStatus

Action = Literal["submit", "submit_task", "cancel", "shutdown"]

_STATUSES: Final = {
    RunStatus.QUEUED: AgentStateStatus.PENDING,
    RunStatus.SUSPENDED: AgentStateStatus.PENDING,
    RunStatus.RUNNING: AgentStateStatus.RUNNING,
    RunStatus.WAITING: AgentStateStatus.RUNNING,
    RunStatus.CANCELLING: AgentStateStatus.RUNNING,
    RunStatus.SLEEPING: AgentStateStatus.SLEEPING,
    RunStatus.COMPLETED: AgentStateStatus.COMPLETED,
    RunStatus.FAILED: AgentStateStatus.FAILED,
    RunStatus.CANCELLED: AgentStateStatus.CANCELLED,
}


def status_of(state: State, run: RunStatus) -> AgentStateStatus:
    """Where an agent stands whose task stands there. One that is to take more tasks sleeps until there is one."""
    if state.phase == "cancelled":
        return AgentStateStatus.CANCELLED
    if state.persistent and state.phase == "open" and run.is_terminal:
        return AgentStateStatus.SLEEPING
    return _STATUSES[run]


def refusal(action: Action, state: State, status: AgentStateStatus) -> str | None:
    """Why that cannot be done with an agent that stands there; None when it can."""
    who = f"agent {state.id!r}"
    if action == "submit":
        if not status.is_active:
            return None
        more = ": give it another task with submit_task" if state.persistent else ""
        return f"{who} is {status} already{more}"
    if action == "submit_task":
        if not state.persistent:
            return f"{who} takes no more tasks, because it was not submitted with persistent=True"
        return None if state.phase == "open" else f"{who} takes no more tasks: it {_DECIDED[state.phase]}"
    if action == "shutdown":
        return None if state.phase == "open" and status.is_active else f"{who} is {status} already"
    return None if state.phase != "cancelled" else f"{who} is cancelled already"


_DECIDED: Final = {"closing": "is being shut down, or was", "cancelled": "was cancelled"}
