"""One client of the native protocol, from its first message to its last. Contains no feature."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

from agiwo import ids
from agiwo.engine.outlet import Excerpt
from agiwo.failpoint import reach
from agiwo.schema.event import Event
from agiwo.schema.hosted import HostedCall
from agiwo.schema.tool import ToolDefinition
from agiwo_protocol import jsonrpc
from agiwo_protocol.catalog import LASTING, METHODS, URGENT
from agiwo_protocol.channel import Channel
from agiwo_protocol.connection import EXIT, INITIALIZE, InitializeParams
from agiwo_protocol.contract import read_params
from agiwo_protocol.daemon import DRAINING, Draining
from agiwo_protocol.errors import InvalidRequest, NotInitialized
from agiwo_protocol.event import EVENT
from agiwo_protocol.jsonrpc import Notification, Request
from agiwo_protocol.limits import MAX_ATTACHED
from agiwo_protocol.peer import Peer
from agiwo_protocol.version import negotiate

from agiwod.face.overload import DaemonLoad
from agiwod.face.rpc.asking import Asking
from agiwod.face.rpc.dispatch import MethodTable
from agiwod.face.rpc.encode import Frames, daemon_event
from agiwod.face.rpc.encode_news import deltas_frame
from agiwod.face.rpc.greeting import Greeting
from agiwod.face.rpc.hosting import Hosting
from agiwod.face.rpc.moment import moment
from agiwod.face.rpc.progress import Progression
from agiwod.runtime.agents import Agents
from agiwod.runtime.audience import Audience
from agiwod.runtime.clients import Client
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.events import DaemonEvent, Subscription
from agiwod.runtime.fanout import Fanout
from agiwod.runtime.foreign import Foreign
from agiwod.runtime.projects import Place
from agiwod.runtime.skills import Skills

log = logging.getLogger(__name__)


class Connection:
    """An accepted connection: its handshake, the runs that it follows, and those that are `bound` to end with it."""

    def __init__(
        self,
        daemon: Daemon,
        methods: MethodTable,
        frames: Frames,
        channel: Channel,
        cwd: str | None = None,
        greeting: Greeting | None = None,
    ) -> None:
        self.id = greeting.connection_id if greeting else ids.fresh("conn")
        self.daemon = daemon
        self.bound: set[str] = set()
        self.fanout = Fanout(daemon.engine, _Events(channel, frames), self._on_follow, most=MAX_ATTACHED)
        self._methods, self._channel, self._greeting = methods, channel, greeting
        load = DaemonLoad(daemon.traffic)
        self._peer = Peer(channel, self._serve, self._hear, urgent=URGENT, lasting=LASTING, load=load)
        self._handshake = asyncio.Lock()
        self._client: InitializeParams | None = None
        self._cwd = greeting.cwd if greeting else cwd
        self._leaving = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._subscription: asyncio.Task[None] | None = None
        self._asking: Asking | None = None
        self._hosting: Hosting | None = None
        self._audience: Audience | None = None
        self._telling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Hold the conversation to its end. The runs go on, save those that are bound to it.

        When the daemon itself ends (the caller is cancelled), those go on as well: the client did not leave.
        """
        lost: Sequence[HostedCall] = ()
        forget = (self.daemon.on_drain(self._tell_draining), self.daemon.on_end(self.fanout.delivered))
        try:
            async with self._tasks:
                if self._greeting is not None:
                    self.welcome(read_params(InitializeParams, self._greeting.params))
                helpers = [self._tasks.create_task(work) for work in (self.fanout.run(), self._leave())]
                try:
                    await self._peer.run()
                finally:
                    self.unsubscribe()
                    if self._telling is not None:
                        self._telling.cancel()
                    if self._asking is not None:
                        self._asking.close()
                    if self._hosting is not None:
                        lost = self._hosting.close()
                    for helper in helpers:
                        helper.cancel()
        finally:
            for each in forget:
                each()
            self.daemon.clients.leave(self.id)
        await self.daemon.hosts.lose(lost)
        await self.daemon.runs.abandon(self.bound, "the client disconnected")

    @property
    def client_name(self) -> str:
        """What others are shown of the client; empty before the handshake."""
        return self._client.client_info.name if self._client else ""

    async def place(self) -> Place:
        """Where the client works: its project as it is now, if it works in one that is trusted."""
        workspace = self._client.workspace if self._client else None
        return await self.daemon.projects.at(workspace.cwd if workspace else self._cwd)

    async def agents(self) -> Agents:
        """The agents that the client may name."""
        project = (await self.place()).project
        return project.agents if project else self.daemon.agents

    async def skills(self) -> Skills:
        """The skills of the runs that the client starts."""
        project = (await self.place()).project
        return project.skills if project else self.daemon.skills

    async def foreign(self) -> Foreign:
        """The servers whose tools the agents of the runs have that the client starts."""
        project = (await self.place()).project
        return project.foreign if project else self.daemon.foreign

    @property
    def tools(self) -> Sequence[ToolDefinition]:
        """The tools that the client offered, for the runs that it starts."""
        return self._hosting.tools if self._hosting else ()

    def welcome(self, client: InitializeParams, tools: Sequence[ToolDefinition] = ()) -> int:
        """Take the handshake, with the tools that the client offers; returns the version to speak.

        Raises:
            InvalidRequest: there was one before.
            UnsupportedVersion: none of ours; the client may try another.
        """
        if self._client is not None:
            raise InvalidRequest("the connection is initialized already", kind="already_initialized")
        version = negotiate(client.protocol_version)
        self._client = client
        self.daemon.clients.join(self._described(client))
        if client.capabilities.approvals is not None:
            self._asking = Asking(
                self.daemon.approvals,
                self._peer,
                client=client.client_info.name,
                follows=self.fanout.follows,
                tasks=self._tasks,
            )
        if tools:
            self._hosting = Hosting(
                self.daemon.hosts,
                self._peer,
                tools,
                client=client.client_info.name,
                follows=self.fanout.follows,
                tasks=self._tasks,
            )
        log.debug("a client came", extra={"connection": self.id, "client": client.client_info.name})
        return version

    def _described(self, client: InitializeParams) -> Client:
        peer, info = self._channel.credentials, client.client_info
        return Client(
            self.id,
            info.name,
            self.daemon.clock.now(),
            lambda: self.fanout.runs,
            title=info.title,
            version=info.version,
            pid=peer.pid if peer else None,
            uid=peer.uid if peer else None,
            lag=lambda: self.fanout.lag,
        )

    def started(self, run: str) -> None:
        """The client has started this run: calls of its tools there come to it first."""
        if self._hosting is not None:
            self._hosting.started(run)

    def _on_follow(self, run: str) -> None:
        for each in (self._asking, self._hosting):
            if each is not None:
                each.begin(run)

    def detach(self, run: str) -> bool:
        """Send nothing more of the run, nor of its tree if that is followed; False when it was not."""
        was_followed = self.fanout.detach(run)
        if self._asking is not None:
            self._asking.review()
        return was_followed

    @contextmanager
    def waiting(self, run: str) -> Generator[None]:
        """The client waits for the end of this run: what the run asks concerns it."""
        with ExitStack() as ends:
            for each in (self._asking, self._hosting):
                if each is not None:
                    ends.enter_context(each.waiting(run))
            yield

    @asynccontextmanager
    async def telling(self, run: str, token: str | int | None) -> AsyncGenerator[None]:
        """The client waits for the end of this run, and with a `token` is told what it says meanwhile.

        Raises:
            NotFound: there is no such run.
        """
        with self.waiting(run):
            if token is None:
                yield
                return
            cursor = await self.daemon.engine.events(run)
            async with Progression(self._channel, cursor, token).telling():
                yield

    def subscribe(self, subscription: Subscription) -> None:
        """Send the daemon's events from now on, in the place of those of an earlier subscription."""
        self.unsubscribe()
        self._subscription = self._tasks.create_task(subscription.follow(_DaemonEvents(self._channel)))

    def unsubscribe(self) -> None:
        """Send no more of the daemon's events."""
        if self._subscription is not None:
            self._subscription.cancel()
            self._subscription = None

    @property
    def audience(self) -> Audience:
        """The client as another daemon, which follows what is made of runs here."""
        if self._audience is None:
            self._audience = Audience(self.daemon.bus, _News(self._channel))
            self._telling = self._tasks.create_task(self._audience.run())
            self.daemon.bus.on_knock()
        return self._audience

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


class _Lane:
    """What all events of a connection have in common: they wait for the socket, and answers do not wait for them."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    @property
    def is_full(self) -> bool:
        return self.channel.is_full

    async def drained(self) -> None:
        await self.channel.drained()


class _Events(_Lane):
    """The events of runs."""

    def __init__(self, channel: Channel, frames: Frames) -> None:
        super().__init__(channel)
        self._frames = frames

    def send(self, event: Event) -> None:
        reach("event/before")
        self.channel.write(self._frames.of(event))


class _News(_Lane):
    """What is made of runs, for other daemons."""

    def send(self, excerpt: Excerpt) -> None:
        self.channel.write(deltas_frame(excerpt))


class _DaemonEvents(_Lane):
    """The events of the daemon itself."""

    def send(self, event: DaemonEvent) -> None:
        self.channel.write(jsonrpc.notification(EVENT.name, daemon_event(event)))
