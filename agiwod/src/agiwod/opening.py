"""The first words over stdin and stdout, before there is a daemon: `initialize` is answered at once, the rest waits.

Loads nothing that a host would have to wait for, and decides nothing: what is not plainly right is left to the daemon.
"""

import os
import select
import sys
from contextlib import suppress
from typing import Final

from agiwo import ids
from agiwo_protocol import jsonrpc
from agiwo_protocol.errors import RpcError
from agiwo_protocol.framing import Frame, Framing
from agiwo_protocol.jsonrpc import Request

from agiwod import __version__
from agiwod.face.rpc.greeting import Greeting, is_plain, welcome
from agiwod.runtime.identity import Identity
from agiwod.transport.pump import CHUNK, write_all

_PATIENCE: Final = 0.1
"""Seconds that a host has for each piece of its first words; one that says nothing lets the daemon load meanwhile."""

_LAST_WORDS: Final = 1 << 20
"""Bytes that are read from a host that will get no daemon; no pipe holds more."""


class Opening:
    """A conversation whose daemon is still to come: its descriptors, and what was said so far."""

    def __init__(self, source: int, sink: int) -> None:
        self.source, self.sink = source, sink
        self.identity = Identity()
        self.framing = Framing()
        self.frames: list[Frame] = []
        self.greeting: Greeting | None = None

    def listen(self) -> None:
        """Answer a handshake that comes first, and soon. `frames` is what came and is still to be answered."""
        while not self.frames and self._has_come(_PATIENCE):
            data = os.read(self.source, CHUNK)
            self.frames += self.framing.feed(data) if data else self.framing.finish()
            if not data:
                break
        if self.frames and (answer := self._answer(self.frames[0])) is not None:
            del self.frames[0]
            self._send(answer)

    def refuse(self, error: RpcError) -> None:
        """Answer all requests that came with that error: there will be no daemon."""
        if self._has_come(_PATIENCE):
            self.frames += self.framing.feed(os.read(self.source, _LAST_WORDS))
        for frame in self.frames:
            message = jsonrpc.read(frame) if isinstance(frame, bytes) else None
            if isinstance(message, Request):
                self._send(jsonrpc.failure(message.id, error))

    def _answer(self, frame: Frame) -> bytes | None:
        message = jsonrpc.read(frame) if isinstance(frame, bytes) else None
        if not isinstance(message, Request) or message.method != "initialize" or not is_plain(message.params):
            return None
        params = message.params if isinstance(message.params, dict) else {}
        self.greeting = Greeting(ids.fresh("conn"), params, _here())
        return jsonrpc.result(message.id, welcome(self.identity, self.greeting.connection_id, program=__version__))

    def _send(self, body: bytes) -> None:
        with suppress(BrokenPipeError):  # a host that goes this early is noticed at the end of its words
            write_all(self.sink, self.framing.wrap(body))

    def _has_come(self, patience: float) -> bool:
        if sys.platform == "win32":
            return False  # only a socket can be waited for there
        return bool(select.select([self.source], [], [], patience)[0])


def _here() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None  # it was removed
