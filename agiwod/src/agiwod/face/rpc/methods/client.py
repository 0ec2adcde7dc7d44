"""client/…: who is connected."""

from agiwo_protocol import client
from agiwo_protocol.contract import Page

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods.paging import page


@methods.on(client.LIST)
async def list_clients(connection: Connection, params: Page) -> client.ListResult:
    """Who is connected, the one that came first first."""
    shown, cursor = page(connection.daemon.clients.list(), params, lambda each: each.id)
    return client.ListResult(clients=[encode.client_object(each) for each in shown], next_cursor=cursor)
