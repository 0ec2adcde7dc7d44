"""The front door: reads which face a connection asks for, and leads it there. Speaks no protocol itself."""

from agiwo_protocol import jsonrpc
from agiwo_protocol.channel import StreamChannel
from agiwo_protocol.errors import InvalidRequest
from agiwo_protocol.preface import Preface

from agiwod.face import FACES, make_face
from agiwod.face.base import Face
from agiwod.runtime.daemon import Daemon


class Door:
    """Where every connection of every transport comes in. A face is made when the first one asks for it."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._faces: dict[str, Face] = {}

    async def converse(self, channel: StreamChannel) -> None:
        """Hold the conversation that a connection asks for; one that asks for an unknown face is told and ended."""
        try:
            preface = await channel.preface() or Preface()
            face = self._face(preface.face)
        except BaseException:
            await channel.close()
            raise
        if face is not None:
            await face.converse(channel)
            return
        refusal = InvalidRequest(f"there is no face {preface.face!r}; there are {', '.join(FACES)}")
        channel.write(jsonrpc.failure(None, refusal))
        await channel.close()

    def _face(self, name: str) -> Face | None:
        if name not in self._faces and name in FACES:
            self._faces[name] = make_face(name, self._daemon)
        return self._faces.get(name)
