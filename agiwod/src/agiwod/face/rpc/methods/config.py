"""config/…: the settings that hold."""

from agiwo_protocol import config
from agiwo_protocol.contract import Empty

from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods


@methods.on(config.LIST)
async def list_settings(connection: Connection, params: Empty) -> config.ListResult:
    """All of them, and where each value came from."""
    told = connection.daemon.tell_settings()
    return config.ListResult(
        settings=[config.Setting(key=each.key, value=each.value, source=each.source, where=each.where) for each in told]
    )
