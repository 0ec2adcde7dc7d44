"""ACP as a face: one connection object for each editor."""

from agiwo_protocol.channel import Channel
from agiwo_protocol.preface import PLAIN, Preface

from agiwod.face.acp.connection import Connection
from agiwod.face.acp.methods import serve
from agiwod.runtime.daemon import Daemon


class AcpFace:
    """The Agent Client Protocol over what the daemon can do."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    async def converse(self, channel: Channel, preface: Preface = PLAIN) -> None:
        """Hold one conversation to its end, with the agent that the opening line names as the first mode."""
        await Connection(self._daemon, channel, serve, preface.values.get("agent")).run()
