"""What is too much at once, as clients of JSON-RPC are told. Counts nothing itself."""

from agiwo_protocol.errors import Overloaded

from agiwod.runtime.errors import TooMuch
from agiwod.runtime.traffic import Traffic


def overloaded(error: TooMuch) -> Overloaded:
    """The error to answer with: which bound it was, and when to ask again."""
    wait = round(1000 * error.seconds)
    return Overloaded(str(error), resource=error.resource, limit=error.limit, retryAfterMs=wait)


class DaemonLoad:
    """The `Load` of all conversations of a daemon, whatever their faces."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def begin(self, size: int, backlog: int, *, is_first: bool) -> None:
        """As `Load.begin`."""
        try:
            self._traffic.begin(size, backlog, is_first=is_first)
        except TooMuch as error:
            raise overloaded(error) from None

    def refuse_large(self) -> Overloaded | None:
        """What to answer instead of reading the rest of a large message; None when there is room for it."""
        try:
            self._traffic.check_held()
        except TooMuch as error:
            return overloaded(error)
        return None

    def end(self, size: int) -> None:
        """As `Load.end`."""
        self._traffic.end(size)
