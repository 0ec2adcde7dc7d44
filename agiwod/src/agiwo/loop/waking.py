"""What ends a sleep, and how that is told: to the model, to programs and to whoever looks on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agiwo.durable import WaitMode
from agiwo.schema.run import RunResult, RunStatus
from agiwo.tool.result import MODEL_LIMIT


@dataclass(frozen=True, slots=True)
class Woken:
    """How the end of a sleep is told: as `text` to the model, as a `value` to programs, and in the run's `event`."""

    text: str
    value: Mapping[str, Any]
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wake:
    """What ends a sleep: of these `children` (id -> run) all or any have ended, or so many seconds are over.

    `is_last` says that it is the end of a period and not its next point.
    """

    type: str
    seconds: float
    children: Mapping[str, str] = field(default_factory=dict[str, str])
    mode: WaitMode = "all"
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_last: bool = False

    @property
    def runs(self) -> Sequence[str]:
        """The runs that are waited for."""
        return list(self.children.values())

    def asleep(self) -> Mapping[str, Any]:
        """What is told when the sleep begins."""
        count = len(self.children)
        reason = f"waits for {count} agent{'s' * (count != 1)}" if count else "sleeps until a time has come"
        wake = {"type": self.type, "waitFor": list(self.children), "mode": self.mode, **self.asked}
        return {"seconds": round(self.seconds, 3), "reason": reason, "wake": wake}

    def woken(self, results: Mapping[str, RunResult | None], late: float = 0.0) -> Woken:
        """What is told when it ends, with the results of those that have ended; `late` seconds after it should have."""
        ended = [id for id, result in results.items() if result]
        by = self._by(len(ended))
        missed = [f"That was due {late:,.0f} seconds ago, when nobody was there to wake you."] if late else []
        lines = [self._headline(by, len(ended)), *missed, *_told(results)]
        children = {id: _value(result) for id, result in results.items()}
        value = {"woken_by": by, **({"children": children} if children else {})}
        return Woken("\n".join(lines), value, {"by": by, "ended": ended, **({"late": late} if late else {})})

    def _by(self, ended: int) -> str:
        needed = 1 if self.mode == "any" else len(self.children)
        return "timeout" if self.is_last or ended < needed else self.type

    def _headline(self, by: str, ended: int) -> str:
        if self.type == "timer":
            return f"Woken: {self.seconds:g} seconds are over."
        if self.type == "periodic" and by == "timeout":
            return "Woken for the last time: the time for this period is over."
        if self.type == "periodic":
            return "Woken by the period. Sleep again to be woken at its next point; to end it, answer."
        over = f", and the {self.seconds:g} seconds to wait are over" if by == "timeout" else ""
        return f"Woken: {ended} of {len(self.children)} agents have ended{over}."


def _told(results: Mapping[str, RunResult | None]) -> Sequence[str]:
    """A line or more of each agent; long answers are cut, so that all of them together can be sent to a model."""
    limit = MODEL_LIMIT // 2 // max(1, len(results))
    return [f"[{id}] {_short(_outcome(result), id, limit)}" for id, result in results.items()]


def _outcome(result: RunResult | None) -> str:
    if result is None:
        return "is still going"
    if result.status == RunStatus.COMPLETED:
        return result.response or "ended without a word"
    if result.error:
        return f"failed: {result.error['message']}"
    return f"was cancelled: {result.reason}"


def _short(text: str, id: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[… {len(text) - limit:,} more characters; query_spawned_agent tells all of {id!r}]"


def _value(result: RunResult | None) -> Mapping[str, Any]:
    if result is None:
        return {"status": "running"}
    return {"status": str(result.status), "run_id": result.run}
