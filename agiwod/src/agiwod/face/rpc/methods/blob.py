"""blob/…: content too large to stand in an item."""

from base64 import b64encode

from agiwo_protocol import blob

from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods


@methods.on(blob.GET)
async def get_blob(connection: Connection, params: blob.GetParams) -> blob.GetResult:
    """A part of a blob."""
    data, size = await connection.daemon.journal.get_blob(params.blob, params.offset, params.limit)
    return blob.GetResult(blob=params.blob, offset=params.offset, size=size, data=b64encode(data).decode())
