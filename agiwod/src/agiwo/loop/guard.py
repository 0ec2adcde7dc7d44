"""The limits of a tree of agents: how deep, how many, how often, how long, for how much. Pure; counts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agiwo.errors import ConfigError
from agiwo.schema.setting import require_above, require_whole

LONGEST = 1_000_000_000
"""Seconds that a sleep lasts at most, some thirty years: what is later is no time that anybody could be told."""


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """What agents that start others have to keep to.

    Agents are at most `max_depth` levels below the first one, and each has at most `max_children_per_agent` of its own
    that have not ended. A sleep that says nothing else waits `default_wait_timeout` seconds for other agents. Within
    one task an agent wakes at most `max_wake_count` times.
    """

    max_depth: int = 5
    max_children_per_agent: int = 10
    default_wait_timeout: float = 600.0
    max_wake_count: int = 20

    def __post_init__(self) -> None:
        for name in ("max_depth", "max_children_per_agent", "max_wake_count"):
            require_whole(f"task_limits.{name}", getattr(self, name), 0)
        require_above("task_limits.default_wait_timeout", self.default_wait_timeout)
        if self.default_wait_timeout > LONGEST:
            raise ConfigError(
                f"task_limits.default_wait_timeout is {self.default_wait_timeout!r}; it must be at most {LONGEST:,}"
            )

    def to_json(self) -> dict[str, Any]:
        """As it stands in a run's plan."""
        return {
            "maxDepth": self.max_depth,
            "maxChildren": self.max_children_per_agent,
            "waitTimeout": self.default_wait_timeout,
            "maxWakes": self.max_wake_count,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TaskLimits":
        """The inverse of `to_json`."""
        return cls(data["maxDepth"], data["maxChildren"], data["waitTimeout"], data["maxWakes"])


class TaskGuard:
    """Says what the limits do not allow, in words that a model can act on; None is what they allow."""

    def __init__(self, limits: TaskLimits) -> None:
        self.limits = limits

    def refuse_level(self, depth: int, share: Mapping[str, float]) -> str | None:
        """Why an agent `depth` levels below the first one may start none with that share of its budget."""
        if depth >= self.limits.max_depth:
            return f"agents may start each other {self.limits.max_depth} levels deep, and that depth is reached"
        if any(value <= 0 for value in share.values()):
            return "what is left of the budget is too little for another agent"
        return None

    def refuse_child(self, going: int) -> str | None:
        """Why an agent with so many that have not ended may start no other one."""
        if going < self.limits.max_children_per_agent:
            return None
        return f"{going} agents that you started have not ended, and there may be no more: wait for one of them"

    def refuse_sleep(self, wakes: int) -> str | None:
        """Why an agent that was woken so often in this task may not sleep again."""
        if wakes < self.limits.max_wake_count:
            return None
        return f"you were woken {wakes} times in this task, and that is the limit: finish it now"

    def wait_seconds(self, asked: float | None) -> float:
        """How long other agents are waited for."""
        return self.limits.default_wait_timeout if asked is None else asked
