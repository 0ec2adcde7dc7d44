"""The front door: reads which face a connection asks for, and leads it there. Speaks no protocol itself."""

from agiwo_protocol import jsonrpc
from agiwo_protocol.channel import StreamChannel
from agiwo_protocol.errors import InvalidRequest
from agiwo_protocol.preface import Preface

from agiwod.face import FACES, make_face
from agiwod.face.base import Face
from agiwod.face.lock import Lock
from agiwod.runtime.daemon import Daemon


class Door:
    """Where the connections of a transport come in, through the lock if there is one.

    A face is made when the first connection asks for it.
    """

    def __init__(self, daemon: Daemon, lock: Lock | None = None) -> None:
        self._daemon, self._lock = daemon, lock
        self._faces: dict[str, Face] = {}

    async def converse(self, channel: StreamChannel) -> None:
        """Hold the conversation that a connection asks for; one that asks for an unknown face is told and ended."""
        try:
            preface = await self._admit(channel)
            face = self._face(preface.face) if preface else None
        except BaseException:
            await channel.close()
            raise
        if preface is None:
            await channel.close()
            return
        if face is not None:
            await face.converse(channel, preface)
            return
        refusal = InvalidRequest(f"there is no face {preface.face!r}; there are {', '.join(FACES)}")
        channel.write(jsonrpc.failure(None, refusal))
        await channel.close()

    async def _admit(self, channel: StreamChannel) -> Preface | None:
        """What the connection begins with; None when it does not come through the lock."""
        if self._lock is not None:
            return await self._lock.admit(channel)
        return await channel.preface() or Preface()

    def _face(self, name: str) -> Face | None:
        if name not in self._faces and name in FACES:
            self._faces[name] = make_face(name, self._daemon)
        return self._faces.get(name)
