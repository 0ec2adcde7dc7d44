"""One operation of a loop under way: its key, who waits for it, what it opened. Decides nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agiwo.durable import INTERRUPTED, STEP_FAILED
from agiwo.engine.waitset import Waitset
from agiwo.errors import EffectFailed, Interrupted
from agiwo.schema.record import Record

STEP_INTENT = "step/intent"
INTERRUPTION = "interruption"
SPAWN = "spawn"

OUTCOME_UNKNOWN = "outcome_unknown"


@dataclass(slots=True, eq=False)
class Operation:
    """An operation without a record yet.

    `settled` is set by whoever writes its record, the operation itself or an interruption: the other one then drops
    what it has; `is_spawning` when it was a spawn that did. It is resting when it waits, and not for children that work
    for its run. `awaited` names those, whose time is its run's, too. `sleep` is what it sleeps on.
    """

    key: str
    digest: str
    done: asyncio.Future[Any]
    items: list[str] = field(default_factory=list[str])
    drained: list[str] = field(default_factory=list[str])
    closed: list[str] = field(default_factory=list[str])
    reopened: list[str] = field(default_factory=list[str])
    task: asyncio.Task[None] | None = None
    settled: bool = False
    is_waiting: bool = False
    is_resting: bool = False
    is_spawning: bool = False
    awaited: list[str] = field(default_factory=list[str])
    sleep: Waitset | None = None

    def settle(self) -> bool:
        """Claim the right to write the record; False when somebody has it already."""
        if self.settled:
            return False
        self.settled = True
        return True


def failure(error: EffectFailed) -> dict[str, Any]:
    """What the record of a failed step says."""
    return {"kind": error.kind, "message": str(error), "retryable": error.retryable, "detail": error.detail}


def replayed(record: Record) -> Any:
    """What a recorded operation gave: its value, or the error that it raised."""
    data = record.data
    if record.type == STEP_FAILED:
        error: Mapping[str, Any] = data["error"]
        raise EffectFailed(error["kind"], error["message"], retryable=error["retryable"], detail=error["detail"])
    if record.type == INTERRUPTED:
        raise Interrupted(data["cause"], data["reason"], record.at, data["items"])
    return data["value"]
