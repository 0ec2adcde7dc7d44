"""The native protocol as a face: one connection object for each conversation."""

from agiwo_protocol.channel import Channel
from agiwo_protocol.preface import PLAIN, Preface

from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.encode import Frames
from agiwod.face.rpc.greeting import Greeting
from agiwod.face.rpc.methods import methods
from agiwod.runtime.daemon import Daemon


class RpcFace:
    """JSON-RPC 2.0 over what the daemon can do."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._frames = Frames()

    async def converse(self, channel: Channel, preface: Preface = PLAIN, *, greeting: Greeting | None = None) -> None:
        """Hold one conversation to its end. `greeting`: its handshake, when somebody has answered it already."""
        cwd = preface.values.get("cwd")
        connection = Connection(self._daemon, methods, self._frames, channel, cwd, greeting)
        await connection.run()
