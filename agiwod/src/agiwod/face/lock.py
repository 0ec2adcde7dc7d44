"""What a stranger must say before a face hears it: the daemon's token, in the opening line or in `initialize`."""

import hmac
from typing import Final

from agiwo_protocol import jsonrpc
from agiwo_protocol.channel import ChannelClosed, StreamChannel
from agiwo_protocol.connection import INITIALIZE
from agiwo_protocol.errors import Unauthorized
from agiwo_protocol.framing import Frame, Malformed
from agiwo_protocol.jsonrpc import Invalid, Request
from agiwo_protocol.preface import Preface

from agiwod.strangers import PATIENCE, Strangers

_FIRST_WORDS: Final = 64 * 1024
"""Bytes of the longest message that is taken from a stranger: many of them must not fill the memory."""

_WHERE: Final = "say the daemon's token, in `initialize` or in the opening line; it is in the file that `status` names"


class Lock:
    """Opened by one token. Whoever says another is told so, and has no second try on that connection."""

    def __init__(self, token: str, *, patience: float = PATIENCE, most: int | None = None) -> None:
        self._token, self._strangers = token.encode(), Strangers(patience, most)

    async def admit(self, channel: StreamChannel) -> Preface | None:
        """What the connection begins with, once the token has come; None when it does not. All else is refused."""
        # Before anything can have come: from here on a stranger's bytes are counted.
        usual, channel.framing.limit = channel.framing.limit, _FIRST_WORDS
        try:
            with self._strangers.add(channel.abort):
                preface = await channel.preface() or Preface()
                is_open = await self._is_opened(channel, preface)
        except ChannelClosed:
            return None
        channel.framing.limit = usual
        return preface if is_open else None

    async def _is_opened(self, channel: StreamChannel, preface: Preface) -> bool:
        if "token" in preface.values:
            if not self._fits(preface.values["token"]):
                channel.write(jsonrpc.failure(None, _wrong()))
                return False
            return True
        while frames := await channel.receive():
            for place, frame in enumerate(frames):
                if (verdict := self._judge(channel, frame)) is None:
                    continue
                if verdict:
                    channel.put_back(frames[place:])
                return verdict
            await channel.drained()
        return False

    def _judge(self, channel: StreamChannel, frame: Frame) -> bool | None:
        """Whether the frame has the token; None when it says nothing of one, which is answered."""
        match jsonrpc.read(frame) if isinstance(frame, bytes) else frame:
            case Request(id, INITIALIZE.name, {"token": str(token)}):
                if self._fits(token):
                    return True
                channel.write(jsonrpc.failure(id, _wrong()))
                return False
            case Request(id):
                channel.write(jsonrpc.failure(id, Unauthorized(_WHERE)))
            case Invalid(error, id):
                channel.write(jsonrpc.failure(id, error))
            case Malformed(error, fatal):
                channel.write(jsonrpc.failure(None, error))
                return False if fatal else None
            case _:
                pass  # nobody is answered who does not ask
        return None

    def _fits(self, said: str) -> bool:
        return hmac.compare_digest(said.encode(), self._token)


def _wrong() -> Unauthorized:
    return Unauthorized("this is not the daemon's token", kind="forbidden")
