"""The last event of a run: made from how the loop ended, and read back as a result."""

from typing import Any

from agiwo.durable import Outcome
from agiwo.schema.event import RUN_CANCELLED, RUN_COMPLETED, RUN_FAILED, NewEvent
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import RunResult, RunStatus, TerminationReason, Usage


def terminal_event(outcome: Outcome, duration_ms: int) -> NewEvent:
    """The event that ends a run."""
    data: dict[str, Any] = {"usage": outcome.usage.to_json(), "durationMs": duration_ms}
    if outcome.counts:
        data["counts"] = dict(outcome.counts)
    if outcome.status == RunStatus.FAILED:
        fault = dict(outcome.error or {"kind": "internal", "message": "the run failed", "retryable": False})
        reason = outcome.termination if outcome.termination != TerminationReason.COMPLETED else TerminationReason.ERROR
        data |= {"error": fault, "terminationReason": str(reason)}
        if outcome.response is not None:
            data["response"] = outcome.response
        return NewEvent(RUN_FAILED, data)
    if outcome.status == RunStatus.CANCELLED:
        return NewEvent(RUN_CANCELLED, {"reason": outcome.reason or "cancelled", **data})
    data |= {"response": outcome.response, "terminationReason": str(outcome.termination)}
    if outcome.output is not None:
        data["output"] = outcome.output
    return NewEvent(RUN_COMPLETED, data)


_ENDS = {
    RUN_COMPLETED: RunStatus.COMPLETED,
    RUN_FAILED: RunStatus.FAILED,
    RUN_CANCELLED: RunStatus.CANCELLED,
}


def result_of(head: RunHead, record: Record) -> RunResult:
    """How a run ended, read from its terminal record; `head` may be of a time when it had not."""
    data, status = record.data, _ENDS[record.type]
    default = TerminationReason.CANCELLED if status == RunStatus.CANCELLED else None
    termination = data.get("terminationReason")
    return RunResult(
        head.run,
        head.session,
        status,
        data.get("response"),
        data.get("output"),
        TerminationReason(termination) if termination else default,
        Usage.from_json(data.get("usage") or {}),
        data.get("error"),
        data.get("reason"),
        data.get("durationMs", 0),
        data.get("counts") or {},
        record.at,
    )
