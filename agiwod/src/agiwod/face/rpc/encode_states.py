"""Scheduled agents and schedules as what the wire says; beside `encode`, and like it it decides nothing."""

from collections.abc import Mapping
from typing import Any, Final, cast

from agiwo.schema.state import AgentStateStatus, WakeCondition, WakeType
from agiwo_protocol import scheduler

from agiwod.face.rpc import encode
from agiwod.face.rpc.moment import moment
from agiwod.runtime.cron import SKIPPED
from agiwod.runtime.crons import Cron
from agiwod.runtime.looks import Look
from agiwod.runtime.scheduled import Submitted

_SHORT: Final = 500
"""Characters of a task and of its result in lists: enough to recognise them."""

_WAKES: Final[Mapping[WakeType, Any]] = {
    WakeType.WAITSET: "waitset",
    WakeType.TIMER: "timer",
    WakeType.PERIODIC: "periodic",
    WakeType.TASK_SUBMITTED: "task",
}


def submit_result(value: Submitted) -> scheduler.SubmitResult:
    """The acknowledgement of a task."""
    return scheduler.SubmitResult(
        state_id=value.state.id, session_id=value.state.session, run_id=value.run, deduplicated=value.is_duplicate
    )


def status(value: AgentStateStatus) -> scheduler.Status:
    """Where a scheduled agent stands, in the words of the wire."""
    return cast("scheduler.Status", str(value))


def state_object(value: Look, *, is_whole: bool) -> scheduler.State:
    """A scheduled agent; its task and result are cut unless it is to be whole."""
    row, shown, task = value.state, value.shown, _text(value.shown.task)
    longest = None if is_whole else _SHORT
    return scheduler.State(
        state_id=row.id,
        agent_id=row.agent,
        session_id=row.session,
        parent_state_id=row.parent,
        depth=row.depth,
        persistent=row.persistent,
        status=status(shown.status),
        closing=row.phase == "closing",
        run_id=value.head.run,
        run_status=encode.status(value.head.status),
        task=task[:longest],
        queued=value.queued,
        wake=shown.wake_condition and _wake(shown.wake_condition),
        wake_count=shown.wake_count,
        result=None if shown.result_summary is None else shown.result_summary[:longest],
        tokens=value.used.total_tokens,
        cost_usd=value.used.cost_usd,
        elapsed_ms=round(1000 * value.elapsed),
        created_at=moment(shown.created_at),
        updated_at=moment(shown.updated_at),
    )


def _text(task: str | list[dict[str, Any]]) -> str:
    """What an agent was told, in text."""
    if isinstance(task, str):
        return task
    return " ".join(part.get("text") or f"[{part.get('type')}]" for part in task)


def _wake(value: WakeCondition) -> scheduler.Wake:
    return scheduler.Wake(
        type=_WAKES[value.type],
        mode=cast("Any", str(value.wait_mode)),
        states=list(value.wait_for),
        ended=list(value.completed_ids),
        wake_at=None if value.wakeup_at is None else moment(value.wakeup_at),
        timeout_at=None if value.timeout_at is None else moment(value.timeout_at),
    )


def cron_object(value: Cron) -> scheduler.Cron:
    """A schedule. Its times are told in its own zone."""
    schedule = value.schedule
    return scheduler.Cron.model_validate(
        {
            "cronId": schedule.name,
            "agentId": schedule.agent,
            "input": schedule.input,
            "cron": schedule.cron,
            "timezone": schedule.timezone,
            "overlap": schedule.overlap,
            "nextAt": schedule.timetable.moment(schedule.due),
            "last": schedule.told and {**schedule.told, "skipped": schedule.told["type"] == SKIPPED},
            "fired": schedule.fired,
            "createdAt": moment(schedule.since),
            "runId": value.run,
        },
        by_alias=True,
    )
