"""Who is connected. Knows no connection: only what others may be told of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agiwod.runtime.events import Events


@dataclass(frozen=True, slots=True)
class Client:
    """A client that has shaken hands. `runs` are those that it follows; `pid` and `uid` are None where unknown.

    `lag` is how many events of those runs it has yet to be sent.
    """

    id: str
    name: str
    connected_at: float
    runs: Callable[[], Sequence[str]]
    title: str | None = None
    version: str | None = None
    pid: int | None = None
    uid: int | None = None
    lag: Callable[[], int] = lambda: 0


class Clients:
    """The clients that are connected now; the log is told who comes and goes."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._clients: dict[str, Client] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def list(self) -> list[Client]:
        """All of them, the one that came first first."""
        return list(self._clients.values())

    def join(self, client: Client) -> None:
        """A client has come."""
        self._clients[client.id] = client
        self._tell("client/connected", client)

    def leave(self, id: str) -> None:
        """A client has gone; one that never shook hands is nobody."""
        client = self._clients.pop(id, None)
        if client is not None:
            self._tell("client/left", client)

    def _tell(self, type: str, client: Client) -> None:
        self._events.publish("client", type, {"connectionId": client.id, "name": client.name})
