"""Tells the daemon's log where each run stands. Of what a run says, it tells nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from agiwo.journal.base import Journal
from agiwo.schema.event import (
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

    def __init__(self, journal: Journal, events: Events) -> None:
        self._journal, self._events = journal, events

    def follow(self, head: RunHead) -> None:
        """Tell of a run that the engine has just taken on, a new one or one of an earlier process."""
        if head.status == RunStatus.QUEUED:
            self._tell(head, RUN_QUEUED)
        stops: list[Callable[[], None]] = []

        def hear(records: Sequence[Record]) -> None:
            for record in records:
                if record.type in _STANDS:
                    self._tell(head, record.type)
                if record.type in TERMINAL_EVENTS:
                    stops.pop()()

        stops.append(self._journal.watch(head.run, hear))

    def _tell(self, head: RunHead, type: str) -> None:
        data = {"runId": head.run, "agentId": head.agent, "sessionId": head.session, "status": str(_STANDS[type])}
        self._events.publish("run", type, data if head.parent is None else {**data, "parentRunId": head.parent})
