"""What a run is to stop for: a cancel, the end of its time, a shutdown; as its records say it. Stops nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agiwo.durable import INTERRUPTED, CancelScope
from agiwo.engine.operation import INTERRUPTION, Operation
from agiwo.schema.record import Entry, Record

CANCEL: Final = "cancel"
TIMEOUT: Final = "timeout"
SHUTDOWN: Final = "shutdown"
"""The causes: to end, to sum up now, and to sum up instead of sleeping."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """A recorded wish that a run stops what it does, or does not sleep any more.

    With the scope `tree` it is a wish for all below the run, too, those that are only being spawned included.
    """

    number: int
    cause: str
    reason: str
    scope: CancelScope
    at: float


class Interruptions:
    """The interruptions of one run; the `latest` one counts, and None is for a run that may go on."""

    def __init__(self) -> None:
        self.latest: Interruption | None = None
        self._delivered = 0

    @property
    def is_cancelled(self) -> bool:
        """Whether the run is to end."""
        return self._cause == CANCEL

    @property
    def is_urgent(self) -> bool:
        """Whether the run is to stop whatever it does: a shutdown lets it work, but not sleep."""
        return self._cause in (CANCEL, TIMEOUT)

    @property
    def is_shutdown(self) -> bool:
        """Whether the run is to sleep no more."""
        return self._cause == SHUTDOWN

    @property
    def is_summing_up(self) -> bool:
        """Whether all that is left to the run is its last word."""
        return self._cause == TIMEOUT or (self.is_shutdown and not self.is_undelivered)

    @property
    def is_undelivered(self) -> bool:
        """Whether no operation has told the loop of the latest one."""
        return self.latest is not None and self._delivered < self.latest.number

    @property
    def for_tree(self) -> Interruption | None:
        """The latest one, if it is for all below the run, too."""
        return self.latest if self.latest and self.latest.scope == "tree" else None

    @property
    def _cause(self) -> str | None:
        return self.latest and self.latest.cause

    def recall(self, record: Record) -> None:
        """Take up what a record says of them."""
        data = record.data
        if record.type == INTERRUPTED:
            self._delivered = max(self._delivered, data["number"])
        # A later one may be on its way to the journal while this one arrives there.
        elif record.type == INTERRUPTION and (self.latest is None or self.latest.number < data["number"]):
            self.latest = Interruption(data["number"], data["cause"], data["reason"], data["scope"], record.at)

    def begin(self, cause: str, reason: str, scope: CancelScope, at: float) -> Entry:
        """Interrupt from now on; gives what to append for it."""
        number = self.latest.number + 1 if self.latest else 1
        self.latest = Interruption(number, cause, reason, scope, at)
        data = {"number": number, "cause": cause, "reason": reason, "scope": scope}
        return Entry(INTERRUPTION, data, at, f"{INTERRUPTION}/{number}", public=False)

    def ends(self, operation: Operation, items: Sequence[Any]) -> Entry:
        """What to append for an operation that the latest one ends; `items` are what stood open then."""
        assert self.latest
        stop = self.latest
        data = {
            "digest": operation.digest,
            "number": stop.number,
            "cause": stop.cause,
            "reason": stop.reason,
            "items": items,
        }
        return Entry(INTERRUPTED, data, stop.at, operation.key, public=False)
