"""A scheduled agent at one moment, made of its state and of what is recorded of its task. Reads no store."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agiwo.durable import SPEC, STEP
from agiwo.scheduler.transitions import status_of
from agiwo.schema.event import RUN_CANCELLED, RUN_COMPLETED, RUN_FAILED, RUN_SLEEPING, RUN_WOKEN
from agiwo.schema.record import Record, RunHead, State
from agiwo.schema.run import NOTHING, Usage
from agiwo.schema.state import AgentState, AgentStateStatus, TimeUnit, WaitMode, WakeCondition, WakeType

_ASKED = re.compile(r"((\d+|summary)/llm)|\d+/compact")


@dataclass(frozen=True, slots=True)
class AgentTree:
    """An agent with those below it. `elapsed` are seconds since it was given its task, up to its end.

    `tokens` are those that it used itself, in this task, and `cost_usd` what they cost, as far as that is known.
    """

    state: AgentState
    elapsed: float
    tokens: int
    cost_usd: float | None
    children: "tuple[AgentTree, ...]" = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON data, under the names of the fields."""
        children = [child.to_dict() for child in self.children]
        return {**asdict(self), "state": self.state.to_dict(), "children": children}


def portrait(
    state: State, head: RunHead, records: Sequence[Record], above: State | None, ended: Sequence[str]
) -> AgentState:
    """The agent that works on that run.

    `above` is the state above its own, and `ended` names the agents that have ended among those that it waits for.
    """
    status = status_of(state, head.status)
    return AgentState(
        state.id,
        state.session,
        state.agent,
        status,
        _task(records),
        above and above.agent,
        state.parent,
        wake_condition=_condition(records, ended, head) if status == AgentStateStatus.SLEEPING else None,
        result_summary=_result(records),
        signal_propagated=head.status.is_terminal,
        is_persistent=state.persistent,
        depth=state.depth,
        wake_count=sum(record.type == RUN_WOKEN and "wakes" in record.data for record in records),
        created_at=state.created_at,
        updated_at=max(state.updated_at, head.updated_at),
        run_id=head.run,
    )


def waited_for(records: Sequence[Record]) -> Sequence[str]:
    """The ids of the agents that the last sleep waits for."""
    return _wake(records).get("waitFor", ())


def used(records: Sequence[Record]) -> Usage:
    """What the run's own requests used, as far as their answers are recorded."""
    answers = (each for each in records if each.type == STEP and _ASKED.fullmatch(each.key or ""))
    return sum((Usage.from_json(each.data["value"]["usage"]) for each in answers), NOTHING)


def _task(records: Sequence[Record]) -> Any:
    return next((record.data["spec"]["input"] for record in records if record.key == SPEC), "")


def _result(records: Sequence[Record]) -> str | None:
    last = records[-1] if records else None
    if last is None or last.type not in (RUN_COMPLETED, RUN_FAILED, RUN_CANCELLED):
        return None
    if last.type == RUN_FAILED:
        return last.data["error"]["message"]
    return last.data.get("response") if last.type == RUN_COMPLETED else last.data.get("reason")


def _wake(records: Sequence[Record]) -> Mapping[str, Any]:
    asleep = next((record for record in reversed(records) if record.type == RUN_SLEEPING), None)
    return asleep.data.get("wake", {}) if asleep else {}


def _condition(records: Sequence[Record], ended: Sequence[str], head: RunHead) -> WakeCondition:
    if head.status.is_terminal:
        return WakeCondition(WakeType.TASK_SUBMITTED)
    wake, deadline = _wake(records), (head.wake or {}).get("deadline")
    if wake.get("type") == WakeType.WAITSET:
        mode, waits = WaitMode(wake["mode"]), tuple(wake["waitFor"])
        return WakeCondition(WakeType.WAITSET, waits, mode, tuple(ended), timeout_at=deadline)
    kind = WakeType(wake.get("type", WakeType.TIMER))  # a pause that a provider wants has none
    unit = TimeUnit(wake["timeUnit"]) if "timeUnit" in wake else None
    return WakeCondition(kind, time_value=wake.get("timeValue"), time_unit=unit, wakeup_at=deadline)
