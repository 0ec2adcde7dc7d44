"""A scheduled agent as others see it: where it stands, and what it waits for. Plain data; nothing is stored as this."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class AgentStateStatus(StrEnum):
    """Where a scheduled agent stands. A persistent one that has done its tasks sleeps until it is given another."""

    PENDING = "pending"
    RUNNING = "running"
    SLEEPING = "sleeping"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_active(self) -> bool:
        """Whether it has something to do, or waits for something to do."""
        return self in (self.PENDING, self.RUNNING, self.SLEEPING)


class WakeType(StrEnum):
    """What a sleeping agent waits for: agents below it, a point in time, the next one of many, or a task."""

    WAITSET = "waitset"
    TIMER = "timer"
    PERIODIC = "periodic"
    TASK_SUBMITTED = "task_submitted"


class WaitMode(StrEnum):
    """Of how many agents the end is waited for."""

    ALL = "all"
    ANY = "any"


class TimeUnit(StrEnum):
    """What a delay is counted in."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"

    @property
    def seconds(self) -> int:
        """The seconds in one of them."""
        return {"seconds": 1, "minutes": 60, "hours": 3600}[self]


@dataclass(frozen=True, slots=True)
class WakeCondition:
    """What wakes a sleeping agent.

    `wait_for` and `completed_ids` are ids of agents below it; `wakeup_at` and `timeout_at` are seconds since the epoch.
    """

    type: WakeType
    wait_for: tuple[str, ...] = ()
    wait_mode: WaitMode = WaitMode.ALL
    completed_ids: tuple[str, ...] = ()
    time_value: float | None = None
    time_unit: TimeUnit | None = None
    wakeup_at: float | None = None
    submitted_task: str | None = None
    timeout_at: float | None = None

    def is_satisfied(self, now: float) -> bool:
        """Whether that has happened by `now` which is waited for."""
        if self.type == WakeType.WAITSET:
            ended = [id in self.completed_ids for id in self.wait_for]
            return bool(ended) and (any(ended) if self.wait_mode == WaitMode.ANY else all(ended))
        if self.type == WakeType.TASK_SUBMITTED:
            return self.submitted_task is not None
        return self.wakeup_at is not None and now >= self.wakeup_at

    def is_timed_out(self, now: float) -> bool:
        """Whether the time to wait is over by `now`."""
        return self.timeout_at is not None and now >= self.timeout_at

    def to_dict(self) -> dict[str, Any]:
        """As JSON data, under the names of the fields."""
        return asdict(self) | {"wait_for": list(self.wait_for), "completed_ids": list(self.completed_ids)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "WakeCondition":
        """The inverse of `to_dict`; what is missing is as by default."""
        return cls(
            WakeType(data["type"]),
            tuple(data.get("wait_for", ())),
            WaitMode(data.get("wait_mode", WaitMode.ALL)),
            tuple(data.get("completed_ids", ())),
            data.get("time_value"),
            TimeUnit(data["time_unit"]) if data.get("time_unit") else None,
            data.get("wakeup_at"),
            data.get("submitted_task"),
            data.get("timeout_at"),
        )


@dataclass(frozen=True, slots=True)
class AgentState:
    """A scheduled agent at one moment.

    `task` is what it was asked to do last and `run_id` the run that does it; `result_summary` is what came out of the
    last one that is over. `wake_count` counts the wakes in this task. The state above hears of the end in the commit in
    which it is recorded, so `signal_propagated` is true as soon as there is one.
    """

    id: str
    session_id: str
    agent_id: str
    status: AgentStateStatus
    task: Any = ""
    parent_agent_id: str | None = None
    parent_state_id: str | None = None
    config_overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    wake_condition: WakeCondition | None = None
    result_summary: str | None = None
    signal_propagated: bool = False
    is_persistent: bool = False
    depth: int = 0
    wake_count: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    run_id: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON data, under the names of the fields."""
        wake = self.wake_condition and self.wake_condition.to_dict()
        return asdict(self) | {"wake_condition": wake}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "AgentState":
        """The inverse of `to_dict`; what is missing is as by default."""
        wake = data.get("wake_condition")
        known: dict[str, Any] = {**data, "status": AgentStateStatus(data["status"])}
        known["wake_condition"] = WakeCondition.from_dict(wake) if wake else None
        return cls(**known)
