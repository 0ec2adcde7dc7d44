"""mcp/…: the foreign servers, and starting one again."""

from agiwo_protocol import mcp
from agiwo_protocol.contract import Page

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods.paging import page


@methods.on(mcp.LIST)
async def list_servers(connection: Connection, params: Page) -> mcp.ListResult:
    """How each server stands, and what was left out."""
    foreign = await connection.foreign()
    shown, cursor = page(foreign.list(), params, lambda each: each.server.name)
    return mcp.ListResult(
        servers=[encode.mcp_server(each) for each in shown],
        skipped=[mcp.Skipped(path=each.path, reason=each.reason, name=each.name) for each in foreign.left_out],
        next_cursor=cursor,
    )


@methods.on(mcp.RESTART)
async def restart_server(connection: Connection, params: mcp.RestartParams) -> mcp.Server:
    """End it, start it, and tell how it stands then."""
    return encode.mcp_server(await (await connection.foreign()).restart(params.name))
