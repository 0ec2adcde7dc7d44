"""Tells the daemon's log where each run stands, and with it each scheduled agent. Of what they say it tells nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from agiwo.engine.serving import ServingEngine
from agiwo.schema.event import (
    ITEM_COMPLETED,
    RUN_CANCELLED,
    RUN_COMPLETED,
    RUN_FAILED,
    RUN_QUEUED,
    RUN_RESUMED,
    RUN_SLEEPING,
    RUN_STARTED,
    RUN_WOKEN,
    TERMINAL_EVENTS,
)
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import RunStatus

from agiwod.runtime.events import Events

CHANGED: Final = "state/changed"
"""The event that says: a scheduled agent stands somewhere else, or has used more."""

_STANDS: Final[Mapping[str, RunStatus]] = {
    RUN_QUEUED: RunStatus.QUEUED,
    RUN_STARTED: RunStatus.RUNNING,
    RUN_RESUMED: RunStatus.RUNNING,
    RUN_SLEEPING: RunStatus.SLEEPING,
    RUN_WOKEN: RunStatus.RUNNING,
    RUN_COMPLETED: RunStatus.COMPLETED,
    RUN_FAILED: RunStatus.FAILED,
    RUN_CANCELLED: RunStatus.CANCELLED,
}
"""The events of a run that say where it stands from then on."""


class Milestones:
    """Follows the runs that an engine takes on, each to its end."""

    def __init__(self, engine: ServingEngine, events: Events) -> None:
        self._engine, self._events = engine, events

    def follow(self, head: RunHead) -> None:
        """Tell of a run that the engine has just taken on, a new one or one of an earlier process."""
        if head.status == RunStatus.QUEUED and head.head:  # else that it is queued is heard
            self._tell(head, RUN_QUEUED)
        stops: list[Callable[[], None]] = []

        def hear(records: Sequence[Record]) -> None:
            for record in records:
                if record.type in _STANDS:
                    self._tell(head, record.type)
                elif record.type == ITEM_COMPLETED and record.data.get("kind") == "agentMessage":
                    self._tell_state(_about(head, RunStatus.RUNNING), head.run)
                if record.type in TERMINAL_EVENTS:
                    stops.pop()()

        stops.append(self._engine.journal.watch(head.run, hear))

    def _tell(self, head: RunHead, type: str) -> None:
        data = _about(head, _STANDS[type])
        self._events.publish("run", type, data)
        self._tell_state(data, head.run)

    def _tell_state(self, data: Mapping[str, Any], run: str) -> None:
        state = self._engine.state_of(run)
        if state is not None:
            self._events.publish("scheduler", CHANGED, {**data, "stateId": state})


def _about(head: RunHead, status: RunStatus) -> dict[str, Any]:
    data = {"runId": head.run, "agentId": head.agent, "sessionId": head.session, "status": str(status)}
    return data if head.parent is None else {**data, "parentRunId": head.parent}
