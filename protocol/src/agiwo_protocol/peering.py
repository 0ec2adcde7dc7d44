"""What daemons that share a store tell each other: the news of runs that one works on and another has readers of."""

from typing import Annotated, Any, Literal

from pydantic import Field

from agiwo_protocol.contract import Count, Empty, Event, Method, Name, Wire


class RunsParams(Wire):
    """The runs that are meant. A peer that follows none yet says with an empty list that it is there."""

    run_ids: Annotated[list[Name], Field(max_length=1000)]


class Piece(Wire):
    """A piece of an item's stream, and of which kind it is."""

    kind: str
    text: str


class Opened(Wire):
    """An item was begun, or is told to a peer that comes late; readers get it after the event `after`."""

    type: Literal["opened"] = "opened"
    item_id: Name
    kind: str
    data: dict[str, Any]
    attempt: Count
    at: str
    after: Count = 0


class Grown(Wire):
    """An item's stream went on behind `offset` characters."""

    type: Literal["grown"] = "grown"
    item_id: Name
    attempt: Count
    offset: Count
    pieces: list[Piece]


class Dropped(Wire):
    """This attempt at an item will not be completed."""

    type: Literal["dropped"] = "dropped"
    item_id: Name
    attempt: Count


class Noticed(Wire):
    """An ephemeral event of another kind; what `stands` is told to those who come late, too."""

    type: Literal["noticed"] = "noticed"
    event: str
    data: dict[str, Any]
    at: str
    stands: bool = False


News = Annotated[Opened | Grown | Dropped | Noticed, Field(discriminator="type")]


class Deltas(Wire):
    """What one `source` makes of a run, in order. After a new connection it begins anew with what is open."""

    run_id: Name
    source: Name
    news: list[News]


FOLLOW = Method(
    "peer/follow",
    RunsParams,
    Empty,
    "For other daemons: tell what is made of these runs here, from the beginning of what is open.",
)
UNFOLLOW = Method("peer/unfollow", RunsParams, Empty, "For other daemons: tell no more of these runs.")

DELTAS = Event("peer/deltas", Deltas, "What is made of a run that the peer follows; lost ones are not sent again.")
