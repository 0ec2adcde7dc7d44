"""console/…: the daemon as a web page, turned on and off."""

from agiwo_protocol import console
from agiwo_protocol.contract import Empty

from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods


@methods.on(console.OPEN)
async def open_console(connection: Connection, params: Empty) -> console.OpenResult:
    """Serve it, and a way in."""
    entry = await connection.daemon.console.open()
    url = f"http://{entry.address}/console"
    return console.OpenResult(url=f"{url}?code={entry.code}", address=url)


@methods.on(console.CLOSE)
async def close_console(connection: Connection, params: Empty) -> Empty:
    """Serve it no more."""
    await connection.daemon.console.close()
    return Empty()
