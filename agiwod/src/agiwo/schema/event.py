"""An event of a run as readers get it, durable or ephemeral. Knows no wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from agiwo.schema.record import Record

RUN_QUEUED: Final = "run/queued"
RUN_STARTED: Final = "run/started"
RUN_RESUMED: Final = "run/resumed"
RUN_RETRYING: Final = "run/retrying"
RUN_SLEEPING: Final = "run/sleeping"
RUN_WOKEN: Final = "run/woken"
RUN_COMPLETED: Final = "run/completed"
RUN_FAILED: Final = "run/failed"
RUN_CANCELLED: Final = "run/cancelled"
ITEM_STARTED: Final = "item/started"
ITEM_DELTA: Final = "item/delta"
ITEM_COMPLETED: Final = "item/completed"
CHILD_SPAWNED: Final = "child/spawned"
CHILD_FINISHED: Final = "child/finished"
APPROVAL_REQUESTED: Final = "approval/requested"
APPROVAL_RESOLVED: Final = "approval/resolved"
OUTPUT_REJECTED: Final = "output/rejected"
USAGE_UPDATED: Final = "usage/updated"
LOG: Final = "log"

TERMINAL_EVENTS: Final = frozenset({RUN_COMPLETED, RUN_FAILED, RUN_CANCELLED})


@dataclass(slots=True)
class Event:
    """One event of a run. Not to be changed; it is not frozen only because that triples the cost of making one.

    Durable events have `seq`; ephemeral ones (`item/started`, `item/delta`, `usage/updated`, `log`) have `after`, the
    seq that they follow. `at` is seconds since the epoch.

    Readers in the same place share one event. `form` is for whoever tells it to many: what it has made of the event.
    `raw` is there when a store had the data as JSON: who passes it on as it is need not read it.
    """

    run: str
    type: str
    data: Mapping[str, Any]
    at: float
    seq: int | None = None
    after: int | None = None
    item: str | None = None
    form: object = field(default=None, compare=False, repr=False)
    raw: bytes | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, record: Record) -> "Event":
        """A public record as readers get it."""
        return cls(record.run, record.type, record.data, record.at, record.seq, None, record.item)

    @classmethod
    def stored(cls, run: str, seq: int, type: str, raw: bytes, at: float, item: str | None) -> "Event":
        """A public record as a store has it, whose data is read by the first who looks at it."""
        event = cls(run, type, {}, at, seq, None, item, None, raw)
        del event.data
        return event

    if not TYPE_CHECKING:  # which would take it for a word on every name

        def __getattr__(self, name: str) -> Any:
            """The data of a stored event. Called for what is not there, which is asked for once."""
            if name != "data":
                raise AttributeError(name)
            self.data = orjson.loads(self.raw)
            return self.data

    @property
    def is_terminal(self) -> bool:
        """Whether the run ends with this event."""
        return self.type in TERMINAL_EVENTS


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A durable event to come: what a step completes or a tool emits, before the journal gives it a seq."""

    type: str
    data: Mapping[str, Any]
    item: str | None = None
