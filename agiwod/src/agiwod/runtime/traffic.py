"""What all clients together have under way, and how much of it there may be. Counts; knows no wire and no client."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agiwod.runtime.errors import TooMuch

_SMALL: Final = 64 * 1024
"""Bytes of a request that is not weighed: there are bounds of how many there may be."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much there may be of what clients ask for, in the whole daemon.

    `runs` are those that are not over, without sleepers. The bytes are those of large requests that are being served,
    and those of answers and events that clients have yet to read; as many may be of messages that are not whole yet.
    """

    connections: int = 4096
    requests: int = 8192
    runs: int = 10_000
    request_bytes: int = 128 * 2**20
    queued_bytes: int = 256 * 2**20


class Traffic:
    """Connections, requests and bytes that are under way. Who is refused something is told which bound that was.

    `requests` is how many are being served.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self._lines: set[tuple[Callable[[], int], Callable[[], int]]] = set()
        self.requests = 0
        self._bytes = 0

    def enter(self, backlog: Callable[[], int], held: Callable[[], int]) -> Callable[[], None]:
        """Count a connection; call the result when it has ended.

        Its client has yet to read `backlog` bytes, and has yet to finish a message of which `held` bytes came.

        Raises:
            TooMuch: there are so many already.
        """
        if len(self._lines) >= self.bounds.connections:
            raise TooMuch("connections", self.bounds.connections, "close some, or come again later", seconds=1)
        line = (backlog, held)
        self._lines.add(line)
        return lambda: self._lines.discard(line)

    def begin(self, size: int, backlog: int, *, is_first: bool) -> None:
        """Count a request of so many bytes, of a client that has yet to read `backlog` bytes.

        The first one of a connection `is_first`: those of others cannot crowd it out. Call `end` when it is served.

        Raises:
            TooMuch: it would be more than a bound; nothing is counted.
        """
        bounds, weight = self.bounds, _weight(size)
        if self.requests >= bounds.requests and not is_first:
            raise TooMuch("requests", bounds.requests, "ask again when some are answered")
        if weight and self._bytes and self._bytes + weight > bounds.request_bytes:
            raise TooMuch("requestBytes", bounds.request_bytes, "ask again when some are answered, or for less")
        if backlog > _SMALL and self.queued_bytes > bounds.queued_bytes:
            raise TooMuch("queuedBytes", bounds.queued_bytes, "read what has come, then ask again")
        self.requests += 1
        self._bytes += weight

    def end(self, size: int) -> None:
        """A request of so many bytes is served."""
        self.requests -= 1
        self._bytes -= _weight(size)

    def check_held(self) -> None:
        """Return when more may come of large messages that are not whole yet.

        Raises:
            TooMuch: all that clients have begun to send is too much already.
        """
        if sum(held() for _, held in self._lines) > self.bounds.queued_bytes:
            raise TooMuch("heldBytes", self.bounds.queued_bytes, "ask again when others are done, or for less")

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._lines)

    @property
    def queued_bytes(self) -> int:
        """Bytes that all clients have yet to read."""
        return sum(backlog() for backlog, _ in self._lines)


def _weight(size: int) -> int:
    return size if size > _SMALL else 0
