"""One editor, from its first message to its last: its handshake, and the sessions that it has open. No feature."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from agiwo import ids
from agiwo.schema.event import CHILD_SPAWNED, Event
from agiwo_protocol.channel import Channel
from agiwo_protocol.jsonrpc import Notification, Request
from agiwo_protocol.peer import Cancelling, Peer

from agiwod.face.acp.errors import ResourceNotFound
from agiwod.face.acp.permissions import Permissions
from agiwod.face.acp.session import OpenSession
from agiwod.face.acp.shapes import Capabilities, InitializeParams
from agiwod.runtime.clients import Client
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.fanout import Fanout

_CANCELLING: Final = Cancelling("$/cancel_request", "requestId")
"""How either side of ACP cancels a request."""

Serve = Callable[["Connection", Request], Awaitable[Any]]

log = logging.getLogger(__name__)


class Connection:
    """An accepted connection. `agent` is whom its new sessions are with; `runs` are those that it is told of."""

    def __init__(self, daemon: Daemon, channel: Channel, serve: Serve, agent: str | None = None) -> None:
        self.daemon, self.channel, self.agent = daemon, channel, agent
        self.client: InitializeParams | None = None
        self.sessions: dict[str, OpenSession] = {}
        self.runs: dict[str, OpenSession] = {}
        self.fanout = Fanout(daemon.engine, _Events(self))
        self.peer = Peer(
            channel, lambda _, request: serve(self, request), lambda _, told: self._hear(told), cancelling=_CANCELLING
        )
        self.tasks = asyncio.TaskGroup()
        self.permissions = Permissions(daemon.approvals, self.peer, self.tasks)
        self._id = ids.fresh("conn")

    async def run(self) -> None:
        """Hold the conversation to its end. The runs go on."""
        forget = self.daemon.on_end(self.fanout.delivered)
        try:
            async with self.tasks:
                following = self.tasks.create_task(self.fanout.run(), name="acp events")
                try:
                    await self.peer.run()
                finally:
                    self.permissions.close()
                    following.cancel()
        finally:
            forget()
            self.daemon.clients.leave(self._id)

    @property
    def capabilities(self) -> Capabilities:
        """What the editor can do."""
        return (self.client and self.client.client_capabilities) or Capabilities()

    def welcome(self, client: InitializeParams) -> None:
        """Take the handshake; a second one counts from then on."""
        self.client = client
        info, peer = client.client_info, self.channel.credentials
        self.permissions.client = info.name if info else "an editor"
        self.daemon.clients.join(
            Client(
                self._id,
                self.permissions.client,
                self.daemon.clock.now(),
                lambda: self.fanout.runs,
                title=info.title if info else None,
                version=info.version if info else None,
                pid=peer.pid if peer else None,
                uid=peer.uid if peer else None,
                lag=lambda: self.fanout.lag,
            )
        )

    def session(self, id: str) -> OpenSession:
        """The session of that id.

        Raises:
            ResourceNotFound: it is not open here.
        """
        if id not in self.sessions:
            raise ResourceNotFound(f"the session {id[:200]!r} is not open here; load or resume it", type="session")
        return self.sessions[id]

    def _hear(self, told: Notification) -> None:
        params = told.params if isinstance(told.params, dict) else {}
        session = self.sessions.get(str(params.get("sessionId")))
        if told.method == "session/cancel" and session is not None:
            self.tasks.create_task(session.cancel(), name=f"cancel {session.id}")


class _Events:
    """Where the events of the runs go that the editor is told of."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def is_full(self) -> bool:
        """Whether the editor has to read first."""
        return self._connection.channel.is_full

    async def drained(self) -> None:
        """Return when it has read."""
        await self._connection.channel.drained()

    def send(self, event: Event) -> None:
        """Tell what an event says, in its session."""
        session = self._connection.runs.get(event.run)
        if session is None:
            return
        if event.type == CHILD_SPAWNED:
            self._connection.runs[event.data["runId"]] = session
        session.take(event)
        if event.is_terminal:
            self._connection.runs.pop(event.run, None)
