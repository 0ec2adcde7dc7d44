"""What a run and all runs below it may use up. Counts nothing; that is the loop's purse."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from agiwo.schema.setting import require_above, require_whole

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run and all runs below it may use up together. What is None is not limited.

    `cost_usd` are dollars, `tokens` those of input and output, `calls` requests to models, repeated ones included, and
    `seconds` the time in which something is done, counted as `run_timeout` is.

    Raises:
        ConfigError: one of them is not above 0, or tokens or calls are no whole number.
    """

    cost_usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            require = require_whole if each.name in ("tokens", "calls") else require_above
            require(f"budget.{each.name}", getattr(self, each.name), optional=True)

    def within(self, other: "Budget | None") -> "Budget":
        """What is left of this budget inside another one: of each limit the lower one."""
        if other is None:
            return self
        return Budget(
            lower(self.cost_usd, other.cost_usd),
            lower(self.tokens, other.tokens),
            lower(self.calls, other.calls),
            lower(self.seconds, other.seconds),
        )

    def to_json(self) -> dict[str, Any]:
        """As it stands in a run's plan."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Budget":
        """The inverse of `to_json`."""
        return cls(**data)


def lower(one: _Number | None, other: _Number | None) -> _Number | None:
    """The lower one of two limits, of which None is none."""
    return min((each for each in (one, other) if each is not None), default=None)
