"""initialize, ping, shutdown: the conversation itself."""

from agiwo.errors import AgiwoError, Conflict
from agiwo_protocol import connection as wire
from agiwo_protocol.contract import Empty
from agiwo_protocol.errors import RpcError

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import Answer, methods
from agiwod.face.rpc.errors import to_rpc
from agiwod.face.rpc.greeting import welcome
from agiwod.face.rpc.moment import moment
from agiwod.face.rpc.offered import offered_tools
from agiwod.runtime.fanout import Attachment


@methods.on(wire.INITIALIZE)
async def initialize(connection: Connection, params: wire.InitializeParams) -> Answer[wire.InitializeResult]:
    """Shake hands, and go on reading the runs that the client names; their events come after the answer."""
    version = connection.welcome(params, await offered_tools(params))
    named: set[str] = set()
    taken = [await _attach(connection, cursor, named) for cursor in params.attach]
    daemon = connection.daemon
    told = welcome(daemon.identity, connection.id, program=daemon.facts.version, version=version)
    place = await connection.place()
    workspace = place.root and wire.Workplace(root=place.root, trusted=place.project is not None, notice=place.notice)
    result = wire.InitializeResult.model_validate(
        {**told, "attached": [attached for attached, _ in taken], "workspace": workspace or None}
    )
    return Answer(result, lambda: _go([attachment for _, attachment in taken if attachment]))


async def _attach(
    connection: Connection, cursor: wire.Cursor, named: set[str]
) -> tuple[wire.Attached, Attachment | None]:
    try:
        attachment = await connection.fanout.attach(cursor.run_id, cursor.after)
        if cursor.run_id in named:
            raise Conflict(f"run {cursor.run_id} is named twice, and a connection follows it at most once")
    except AgiwoError as error:
        return wire.Attached(run_id=cursor.run_id, error=_error_object(to_rpc(error, wire.INITIALIZE.name))), None
    named.add(cursor.run_id)
    head = attachment.heads[0]
    return wire.Attached(run_id=head.run, head_seq=head.head, status=encode.status(head.status)), attachment


def _error_object(error: RpcError) -> wire.ErrorObject:
    return wire.ErrorObject(code=error.code, message=error.message, data=error.data)


def _go(attachments: list[Attachment]) -> None:
    for attachment in attachments:
        attachment.go()


@methods.on(wire.PING)
async def ping(connection: Connection, params: Empty) -> wire.Pong:
    """The daemon's time."""
    return wire.Pong(at=moment(connection.daemon.clock.now()))


@methods.on(wire.SHUTDOWN)
async def shutdown(connection: Connection, params: Empty) -> Answer[Empty]:
    """End this connection after the answer; the daemon goes on."""
    return Answer(Empty(), connection.leave)
