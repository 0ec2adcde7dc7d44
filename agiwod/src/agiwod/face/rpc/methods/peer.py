"""peer/…: what other daemons ask that have readers of runs which are worked on here."""

from agiwo_protocol import peering
from agiwo_protocol.contract import Empty
from agiwo_protocol.errors import Overloaded
from agiwo_protocol.peer import RETRY_AFTER_MS

from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import Answer, methods


@methods.on(peering.FOLLOW)
async def follow(connection: Connection, params: peering.RunsParams) -> Answer[Empty]:
    """Tell what is made of these runs; the answer comes first."""
    audience = connection.audience
    try:
        audience.check_room(params.run_ids)
    except OverflowError as error:
        raise Overloaded(str(error), retryAfterMs=RETRY_AFTER_MS) from None
    return Answer(Empty(), lambda: audience.follow(params.run_ids))


@methods.on(peering.UNFOLLOW)
async def unfollow(connection: Connection, params: peering.RunsParams) -> Empty:
    """Tell no more of these runs."""
    connection.audience.unfollow(params.run_ids)
    return Empty()
