"""The daemon's own events: what changed besides the content of runs. A run's events are in `run`."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from agiwo_protocol.contract import Count, Empty, Event, Method, Wire

Topic = Literal["agent", "skill", "mcp", "run", "scheduler", "approval", "client", "daemon"]
"""What a daemon event is about: the name of a resource, or the daemon itself."""

Topics = Annotated[list[Topic], Field(min_length=1, max_length=2 * len(get_args(Topic)))]


class SubscribeParams(Wire):
    """What to hear of, and the last seq that the client has; without `after`, what happens from now on."""

    topics: Topics
    after: Count | None = None


class SubscribeResult(Wire):
    """`headSeq` is the seq of the newest event; what follows `after` comes right behind this answer."""

    head_seq: Count


class DaemonEvent(Wire):
    """One event of the daemon. `seq` counts the events of all topics, from 1 at each start of the daemon.

    A client hears of its topics only, so its `seq` has holes. What was dropped before it could be sent is told by the
    type `event/lost` with `data {after, firstAvailableSeq}`: list again what you watch.
    """

    seq: Count
    at: str
    topic: Topic
    type: str
    data: dict[str, Any]


SUBSCRIBE = Method(
    "event/subscribe",
    SubscribeParams,
    SubscribeResult,
    "Hear of the daemon's own events; takes the place of an earlier subscription of the connection.",
)
UNSUBSCRIBE = Method("event/unsubscribe", Empty, Empty, "Hear no more of them: none comes after the answer.")

EVENT = Event("daemon/event", DaemonEvent, "Something changed that the client subscribed to.")
