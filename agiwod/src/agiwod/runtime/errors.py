"""What the daemon refuses that the engine would do. Knows no wire code."""

from collections.abc import Sequence
from typing import Final

from agiwo.errors import AgiwoError, Conflict


class Draining(AgiwoError):
    """The daemon takes no new runs, because it is about to end; the next one will. `until` is when it ends at most."""

    retryable = True

    def __init__(self, until: float) -> None:
        super().__init__("the daemon is draining and takes no new runs; try again when it has been started anew")
        self.until = until


_WORDS: Final = {
    "connections": "connections to the daemon",
    "requests": "requests at the same time",
    "requestBytes": "bytes of large requests at the same time",
    "queuedBytes": "bytes that clients have yet to read",
    "heldBytes": "bytes of messages that are not whole yet",
    "runs": "runs that are not over",
    "attachments": "runs that one connection follows",
}
"""What each bound is of."""


class TooMuch(AgiwoError):
    """More than the daemon takes at once. `resource` names what of, `limit` is how much there may be.

    It may be asked for again after `seconds`, if the `advice` is followed.
    """

    retryable = True

    def __init__(self, resource: str, limit: int, advice: str, *, seconds: float = 0.1) -> None:
        super().__init__(f"there may be {limit} {_WORDS[resource]}, and it would be more: {advice}")
        self.resource, self.limit, self.seconds = resource, limit, seconds


class EventsExpired(AgiwoError):
    """A position in the daemon's log that nothing can follow without a hole: too old, or of another daemon's life."""

    def __init__(self, after: int, first: int, head: int) -> None:
        super().__init__(f"the daemon keeps its events {first} to {head}, so what follows event {after} is not known")
        self.after, self.first, self.head = after, first, head


class ScheduleInvalid(AgiwoError):
    """A schedule that names no times. `member` is what is wrong of it: cron or timezone."""

    def __init__(self, member: str, fault: str) -> None:
        super().__init__(fault)
        self.member = member


class DefinitionInvalid(AgiwoError):
    """An agent that cannot be made as it was defined. `member` is what is wrong of it, or empty."""

    def __init__(self, member: str, fault: str) -> None:
        super().__init__(fault)
        self.member = member


class ApprovalNeeded(AgiwoError):
    """A call that needs somebody's word, by a client that did not give it."""

    def __init__(self, tool: str) -> None:
        super().__init__(f"this call of {tool} needs approval: ask your user, then say `approved`")


class Ambiguous(Conflict):
    """The beginning of an id that several have."""

    def __init__(self, beginning: str, ids: Sequence[str]) -> None:
        super().__init__(f"several begin with {beginning!r}: {', '.join(ids)}")
