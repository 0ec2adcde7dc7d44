"""How a run stops: its outcome, its terminal event with the news for the run above it, or a suspension. Drives none."""

import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from agiwo.durable import Outcome
from agiwo.engine.execution import Execution
from agiwo.engine.pasts import BASE
from agiwo.engine.stopwatch import SUSPENDED
from agiwo.engine.terminal import terminal_event
from agiwo.errors import Conflict, Interrupted, ReplayMismatch
from agiwo.schema.event import CHILD_FINISHED
from agiwo.schema.record import Batch, Entry
from agiwo.schema.run import TERMINAL, RunStatus

OPEN = frozenset(RunStatus) - TERMINAL
"""What a run is that takes more records."""


log = logging.getLogger(__name__)


async def outcome_of(run: str, main: Coroutine[Any, Any, Outcome]) -> Outcome:
    """How a loop ends its run, whatever it raises.

    Raises:
        ReplayMismatch: it did not do what is recorded.
    """
    try:
        return await main
    except Interrupted as stop:
        return Outcome(RunStatus.CANCELLED, reason=stop.reason)
    except ReplayMismatch:
        raise
    except Exception as error:
        log.exception("run %s: the loop failed", run)
        fault = {"kind": "internal", "message": f"{type(error).__name__} in the loop", "retryable": False}
        return Outcome(RunStatus.FAILED, error=fault)


async def record_suspension(execution: Execution, reason: str) -> None:
    """Suspend a run that cannot go on here."""
    log.warning("run %s is suspended: %s", execution.id, reason)
    count = sum(1 for record in execution.keyed.values() if record.type == SUSPENDED)
    data = {"reason": reason, "before": str(execution.status)}
    entry = Entry(SUSPENDED, data, execution.clock.now(), f"{SUSPENDED}/{count + 1}", public=False)
    await execution.commit(entry, status=RunStatus.SUSPENDED)


async def record_end(execution: Execution, outcome: Outcome, *, tells_parent: bool) -> None:
    """End a run as its loop says; a cancelled one ends as cancelled. The run above it is told, unless it has ended."""
    outcome = _as_promised(execution, outcome)
    base, now = execution.keyed.get(BASE), execution.clock.now()
    event = terminal_event(outcome, round(1000 * (now - base.at)) if base else 0)
    told = _news(execution, outcome, now) if tells_parent else []
    try:
        await execution.commit(execution.entry(event), status=outcome.status, extra=told)
    except Conflict:  # the parent has ended meanwhile, and nothing follows a terminal event
        await execution.commit(execution.entry(event), status=outcome.status)


def _as_promised(execution: Execution, outcome: Outcome) -> Outcome:
    stop = execution.interruptions.latest
    if stop and execution.interruptions.is_cancelled and outcome.status != RunStatus.CANCELLED:
        # Whoever cancelled was told that it will be so, also when the loop had come to its end by then.
        return replace(outcome, status=RunStatus.CANCELLED, reason=stop.reason)
    return outcome


def _news(execution: Execution, outcome: Outcome, at: float) -> list[Batch]:
    assert execution.spec.parent
    data = {"runId": execution.id, "agentId": execution.spec.agent, "status": str(outcome.status)}
    return [Batch(execution.spec.parent, (Entry(CHILD_FINISHED, data, at),), expect=OPEN)]
