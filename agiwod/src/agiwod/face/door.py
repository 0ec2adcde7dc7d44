"""The front door: reads which face a connection asks for, and leads it there. Speaks no protocol itself."""

import asyncio
from contextlib import suppress
from typing import Final

from agiwo_protocol import jsonrpc
from agiwo_protocol.channel import StreamChannel
from agiwo_protocol.errors import InvalidRequest, RpcError
from agiwo_protocol.preface import PLAIN, Preface

from agiwod.face import FACES, make_face
from agiwod.face.base import Face
from agiwod.face.lock import Lock
from agiwod.face.overload import DaemonLoad, overloaded
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.errors import TooMuch

_FIRST_WORDS: Final = 0.5
"""Seconds for the first words of who is turned away: a client has sent them before it hears that."""


class Door:
    """Where the connections of a transport come in, through the lock if there is one.

    A face is made when the first connection asks for it.
    """

    def __init__(self, daemon: Daemon, lock: Lock | None = None) -> None:
        self._daemon, self._lock = daemon, lock
        self._faces: dict[str, Face] = {}

    async def converse(self, channel: StreamChannel) -> None:
        """Hold the conversation that a connection asks for; one too many, or for an unknown face, is told and ended."""
        try:
            opening = await self._unlocked(channel)
            if opening is None:
                await channel.close()
                return
            leave = self._daemon.traffic.enter(lambda: channel.backlog, lambda: channel.framing.held)
            channel.on_large = DaemonLoad(self._daemon.traffic).refuse_large
        except TooMuch as error:
            await _turn_away(channel, overloaded(error))
            return
        except BaseException:
            await channel.close()
            raise
        try:
            await self._hold(channel, opening)
        finally:
            leave()

    async def _unlocked(self, channel: StreamChannel) -> Preface | None:
        """What was said at the lock, nothing where there is none; None for who does not come through."""
        return PLAIN if self._lock is None else await self._lock.admit(channel)

    async def _hold(self, channel: StreamChannel, opening: Preface) -> None:
        try:
            preface = opening if self._lock else await channel.preface() or PLAIN
            face = self._face(preface.face)
        except BaseException:
            await channel.close()
            raise
        if face is None:
            there_are = ", ".join(FACES)
            await _turn_away(channel, InvalidRequest(f"there is no face {preface.face!r}; there are {there_are}"))
            return
        await face.converse(channel, preface)

    def _face(self, name: str) -> Face | None:
        if name not in self._faces and name in FACES:
            self._faces[name] = make_face(name, self._daemon)
        return self._faces.get(name)


async def _turn_away(channel: StreamChannel, refusal: RpcError) -> None:
    """Tell why, and end the connection."""
    channel.write(jsonrpc.failure(None, refusal))
    with suppress(TimeoutError):
        async with asyncio.timeout(_FIRST_WORDS):
            # A socket that is closed with words in it that nobody has read takes back what was sent the other way.
            await channel.receive()
    await channel.close()
