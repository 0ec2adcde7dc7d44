"""One editor, from its first message to its last: its handshake, and the sessions that it has open. No feature."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from agiwo import ids
from agiwo.errors import AgiwoError
from agiwo.mcp import McpServer
from agiwo.schema.event import CHILD_SPAWNED, RUN_QUEUED, Event
from agiwo_protocol.channel import Channel, ChannelClosed
from agiwo_protocol.jsonrpc import Notification, Request
from agiwo_protocol.peer import Cancelling, Peer

from agiwod.face.acp.errors import ResourceNotFound
from agiwod.face.acp.permissions import Permissions
from agiwod.face.acp.session import OpenSession
from agiwod.face.acp.shapes import Capabilities, InitializeParams
from agiwod.face.overload import DaemonLoad
from agiwod.runtime.agents import Agents
from agiwod.runtime.clients import Client
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.events import DaemonEvent
from agiwod.runtime.fanout import Fanout

_CANCELLING: Final = Cancelling("$/cancel_request", "requestId")
"""How either side of ACP cancels a request."""

_TOPICS: Final = frozenset({"run", "agent", "skill"})
"""What an editor is to hear of: runs that others begin in its sessions, and what can be chosen there."""

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
            channel,
            lambda _, request: serve(self, request),
            lambda _, told: self._hear(told),
            load=DaemonLoad(daemon.traffic),
            cancelling=_CANCELLING,
        )
        self.tasks = asyncio.TaskGroup()
        self.permissions = Permissions(daemon.approvals, self.peer, self.tasks)
        self._id = ids.fresh("conn")

    async def run(self) -> None:
        """Hold the conversation to its end. The runs go on."""
        forget = self.daemon.on_end(self.fanout.delivered)
        try:
            async with self.tasks:
                news = self.daemon.events.subscribe(_TOPICS)
                following = [self.tasks.create_task(each) for each in (self.fanout.run(), news.follow(_News(self)))]
                try:
                    await self.peer.run()
                finally:
                    self.permissions.close()
                    for each in following:
                        each.cancel()
                    for id in list(self.sessions):
                        await self.close(id)
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

    async def agents_at(self, cwd: str) -> Agents:
        """The agents of a directory: those of the trusted project that it lies in, else everybody's."""
        project = (await self.daemon.projects.at(cwd)).project
        return project.agents if project else self.daemon.agents

    def session(self, id: str) -> OpenSession:
        """The session of that id.

        Raises:
            ResourceNotFound: it is not open here.
        """
        if id not in self.sessions:
            raise ResourceNotFound(f"the session {id[:200]!r} is not open here; load or resume it", type="session")
        return self.sessions[id]

    def open(
        self, id: str, cwd: str, agent: str, model: str | None = None, servers: Sequence[McpServer] = ()
    ) -> OpenSession:
        """A session that is open from now on."""
        session = self.sessions[id] = OpenSession(self, id, cwd, agent, model, servers)
        return session

    def opened(self, session: OpenSession) -> None:
        """The editor knows that the session is open."""
        session.is_open.set()
        self.see_to(session.chosen.tell_commands())

    async def close(self, id: str) -> None:
        """Tell nothing more of a session, if it is open."""
        if session := self.sessions.pop(id, None):
            await session.close()

    def _hear(self, told: Notification) -> None:
        params = told.params if isinstance(told.params, dict) else {}
        session = self.sessions.get(str(params.get("sessionId")))
        if told.method == "session/cancel" and session is not None:
            self.see_to(session.cancel())

    def changed(self, event: DaemonEvent) -> None:
        """Somebody began a run, or there are other agents or skills than before."""
        if event.topic != "run":
            for session in self.sessions.values():
                self.see_to(session.chosen.tell())
        elif event.type == RUN_QUEUED and "parentRunId" not in event.data and event.data["runId"] not in self.runs:
            self._follow(event.data["sessionId"], event.data["runId"])

    def _follow(self, session: str, run: str) -> None:
        if session in self.sessions:
            self.see_to(self.sessions[session].following.follow(run))

    def see_to(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Have something done that no request waits for; what the daemon refuses of it is logged."""
        return self.tasks.create_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except (AgiwoError, ChannelClosed) as error:
            log.warning("%s cannot be told something: %s", self.permissions.client, error)


class _Lane:
    """What all has in common that the editor is told unasked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def is_full(self) -> bool:
        """Whether the editor has to read first."""
        return self._connection.channel.is_full

    async def drained(self) -> None:
        """Return when it has read."""
        await self._connection.channel.drained()


class _News(_Lane):
    """Where the daemon's own events go."""

    def send(self, event: DaemonEvent) -> None:
        """See to what has changed."""
        self._connection.changed(event)


class _Events(_Lane):
    """Where the events of the runs go that the editor is told of."""

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
