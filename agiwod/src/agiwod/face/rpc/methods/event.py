"""event/…: the daemon's own events."""

from agiwo_protocol import event
from agiwo_protocol.contract import Empty

from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import Answer, methods


@methods.on(event.SUBSCRIBE)
async def subscribe(connection: Connection, params: event.SubscribeParams) -> Answer[event.SubscribeResult]:
    """Hear of the topics, from `after` on; the answer comes first."""
    subscription = connection.daemon.events.subscribe(params.topics, params.after)
    result = event.SubscribeResult(head_seq=connection.daemon.events.head)
    return Answer(result, lambda: connection.subscribe(subscription))


@methods.on(event.UNSUBSCRIBE)
async def unsubscribe(connection: Connection, params: Empty) -> Empty:
    """Hear no more."""
    connection.unsubscribe()
    return Empty()
