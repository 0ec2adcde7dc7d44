"""session/…: conversations."""

from agiwo_protocol import session

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods.paging import cut, page


@methods.on(session.CREATE)
async def create_session(connection: Connection, params: session.CreateParams) -> session.Session:
    """Begin a conversation."""
    return encode.session_object(await connection.daemon.sessions.create(params.agent, params.session_id))


@methods.on(session.FORK)
async def fork_session(connection: Connection, params: session.ForkParams) -> session.Session:
    """A new conversation that goes on from a point of this one."""
    sessions = connection.daemon.sessions
    return encode.session_object(await sessions.fork(params.session_id, params.at, params.seq, params.new_session_id))


@methods.on(session.REWIND)
async def rewind_session(connection: Connection, params: session.RewindParams) -> session.Session:
    """Go back to a point of the conversation."""
    return encode.session_object(await connection.daemon.sessions.rewind(params.session_id, params.at, params.seq))


@methods.on(session.LIST)
async def list_sessions(connection: Connection, params: session.ListParams) -> session.ListResult:
    """Sessions, the one used last first."""
    found = await connection.daemon.sessions.list(agent=params.agent_id, before=params.cursor, limit=params.limit + 1)
    shown, cursor = cut(found, params, lambda each: each.id)
    return session.ListResult(sessions=[encode.session_object(each) for each in shown], next_cursor=cursor)


@methods.on(session.GET)
async def get_session(connection: Connection, params: session.SessionParams) -> session.Session:
    """One session."""
    return encode.session_object(await connection.daemon.sessions.get(params.session_id))


@methods.on(session.HISTORY)
async def read_history(connection: Connection, params: session.HistoryParams) -> session.HistoryResult:
    """The completed items of a session, oldest first."""
    items = await connection.daemon.sessions.history(params.session_id)
    shown, cursor = page(items, params, lambda each: f"{each.run}:{each.seq}")
    return session.HistoryResult(items=[encode.history_item(each) for each in shown], next_cursor=cursor)


@methods.on(session.DELETE)
async def delete_session(connection: Connection, params: session.SessionParams) -> session.DeleteResult:
    """Forget a session and all its runs."""
    runs = await connection.daemon.sessions.delete(params.session_id)
    return session.DeleteResult(session_id=params.session_id, runs=runs)
