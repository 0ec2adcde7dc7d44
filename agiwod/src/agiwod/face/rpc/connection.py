"""One client of the native protocol, from its first message to its last. Contains no feature."""

import asyncio
import logging
from typing import Any

from agiwo import ids
from agiwo.schema.event import Event
from agiwo_protocol.catalog import METHODS, URGENT
from agiwo_protocol.channel import Channel
from agiwo_protocol.connection import EXIT, INITIALIZE, InitializeParams
from agiwo_protocol.daemon import DRAINING, Draining
from agiwo_protocol.errors import InvalidRequest, NotInitialized
from agiwo_protocol.jsonrpc import Notification, Request
from agiwo_protocol.peer import Peer
from agiwo_protocol.version import negotiate

from agiwod.face.rpc.dispatch import MethodTable
from agiwod.face.rpc.encode import Frames
from agiwod.face.rpc.moment import moment
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.fanout import Fanout

log = logging.getLogger(__name__)


class Connection:
    """An accepted connection: its handshake, the runs that it follows, and those that are `bound` to end with it."""

    def __init__(self, daemon: Daemon, methods: MethodTable, frames: Frames, channel: Channel) -> None:
        self.id = ids.fresh("conn")
        self.daemon = daemon
        self.bound: set[str] = set()
        self.fanout = Fanout(daemon.engine, _Events(channel, frames))
        self._methods, self._channel = methods, channel
        self._peer = Peer(channel, self._serve, self._hear, urgent=URGENT)
        self._handshake = asyncio.Lock()
        self._client: InitializeParams | None = None
        self._leaving = asyncio.Event()

    async def run(self) -> None:
        """Hold the conversation to its end. The runs go on, save those that are bound to it.

        When the daemon itself ends (the caller is cancelled), those go on as well: the client did not leave.
        """
        forget = self.daemon.on_drain(self._tell_draining)
        try:
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(self.fanout.run()), tasks.create_task(self._leave())]
                await self._peer.run()
                for helper in helpers:
                    helper.cancel()
        finally:
            forget()
            self.daemon.clients.pop(self.id, None)
        await self.daemon.runs.abandon(self.bound, "the client disconnected")

    def welcome(self, client: InitializeParams) -> int:
        """Take the handshake; returns the version to speak.

        Raises:
            InvalidRequest: there was one before.
            UnsupportedVersion: none of ours; the client may try another.
        """
        if self._client is not None:
            raise InvalidRequest("the connection is initialized already", kind="already_initialized")
        version = negotiate(client.protocol_version)
        self._client = client
        self.daemon.clients[self.id] = client.client_info.name
        log.debug("a client came", extra={"connection": self.id, "client": client.client_info.name})
        return version

    def leave(self) -> None:
        """End the conversation, after what was written."""
        self._leaving.set()

    async def _leave(self) -> None:
        await self._leaving.wait()
        await self._channel.close()

    async def _serve(self, peer: Peer, request: Request) -> Any:
        if request.method == INITIALIZE.name:
            async with self._handshake:
                return await self._methods.dispatch(self, request)
        await self._check_handshake(request.method)
        return await self._methods.dispatch(self, request)

    async def _check_handshake(self, name: str) -> None:
        """Let through what may come before the handshake; for the rest wait until one under way is done."""
        method = METHODS.get(name)
        if self._client is not None or (method is not None and method.early):
            return
        async with self._handshake:
            if self._client is None:
                raise NotInitialized("`initialize` has to come first")

    def _hear(self, peer: Peer, notification: Notification) -> None:
        if notification.method == EXIT.name:
            self.leave()

    def _tell_draining(self, deadline: float) -> None:
        if self._client is not None:
            self._peer.notify(DRAINING.name, Draining(deadline_at=moment(deadline)).to_wire())


class _Events:
    """The lane of a connection's events: they wait for the socket, and answers do not wait for them."""

    def __init__(self, channel: Channel, frames: Frames) -> None:
        self._channel, self._frames = channel, frames

    @property
    def is_full(self) -> bool:
        return self._channel.is_full

    async def drained(self) -> None:
        await self._channel.drained()

    def send(self, event: Event) -> None:
        self._channel.write(self._frames.of(event))
