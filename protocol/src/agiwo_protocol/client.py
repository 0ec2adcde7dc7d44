"""Clients: who is connected."""

from pydantic import Field

from agiwo_protocol.contract import Count, Method, Page, Wire


class Client(Wire):
    """A connection whose client has shaken hands. `runs` are those that it follows; `pid` and `uid` where known.

    `lag` is how many events of those runs it has yet to be sent.
    """

    connection_id: str
    name: str
    title: str | None = None
    version: str | None = None
    connected_at: str
    runs: list[str] = Field(default_factory=list[str])
    pid: int | None = None
    uid: int | None = None
    lag: Count = 0


class ListResult(Wire):
    """A page of clients, the one that came first first."""

    clients: list[Client]
    next_cursor: str | None = None


LIST = Method("client/list", Page, ListResult, "Who is connected.")
