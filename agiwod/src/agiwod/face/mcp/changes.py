"""What changes in the daemon, as clients of either era hear of it. A follower is a position in the daemon's log."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Final

from agiwo.schema.event import TERMINAL_EVENTS
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, SubscriptionsListenRequestParams, SubscriptionsListenResult

from agiwod.face.mcp.resources import RUN, skill_uri
from agiwod.face.mcp.sessions import Context, Session, Sessions
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.events import LOST, DaemonEvent, Subscription

_TOPICS: Final = frozenset({"agent", "skill", "daemon"})
_RUNS: Final = frozenset({"run"})
"""Told to those alone who watch a resource: each run would wake all clients, else."""

_MOST: Final = 1024
"""Streams of changes that a server has open at the same time."""

_ALL: Final[tuple[ServerEvent, ...]] = (ToolsListChanged(), PromptsListChanged(), ResourcesListChanged())
"""What is told to somebody who was too slow to hear what it was."""


class Changes:
    """The changes of one daemon, for all clients of a server."""

    def __init__(self, daemon: Daemon, sessions: Sessions) -> None:
        self._daemon, self._sessions = daemon, sessions
        self._streams = 0

    async def follow(self, context: Context) -> None:
        """Tell a client of the older era, from its handshake to its end."""
        with self._sessions.joined(context) as session:
            if session is not None:
                news = self._daemon.events.subscribe(_TOPICS)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_each(news, lambda event: _notify(event, context, session)))
                    await session.watches.wait()
                    runs = self._daemon.events.subscribe(_RUNS)
                    tasks.create_task(_each(runs, lambda event: _notify(event, context, session)))

    async def listen(self, context: Context, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        """Serve a stream of changes, for a client of the newer era."""
        if self._streams >= _MOST:
            raise MCPError(INTERNAL_ERROR, f"there are {_MOST} streams of changes already; end one first")
        bus = InMemorySubscriptionBus()
        self._streams += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                topics = _TOPICS | _RUNS if params.notifications.resource_subscriptions else _TOPICS
                telling = tasks.create_task(_each(self._daemon.events.subscribe(topics), bus.publish))
                result = await ListenHandler(bus)(context, params)
                telling.cancel()
                return result
        finally:
            self._streams -= 1


async def _each(news: Subscription, tell: Callable[[ServerEvent], Awaitable[None]]) -> None:
    """Tell all that comes, until cancelled."""
    sink = _Sink()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(news.follow(sink))
        while True:
            for event in _meant(await sink.next()):
                await tell(event)


class _Sink:
    """Holds one event at a time: what comes meanwhile waits in the daemon's log."""

    def __init__(self) -> None:
        self._event: DaemonEvent | None = None
        self._news, self._room = asyncio.Event(), asyncio.Event()

    @property
    def is_full(self) -> bool:
        return self._event is not None

    async def drained(self) -> None:
        while self._event is not None:
            self._room.clear()
            await self._room.wait()

    def send(self, event: DaemonEvent) -> None:
        self._event = event
        self._news.set()

    async def next(self) -> DaemonEvent:
        while self._event is None:
            self._news.clear()
            await self._news.wait()
        event, self._event = self._event, None
        self._room.set()
        return event


def _meant(event: DaemonEvent) -> Iterator[ServerEvent]:
    """What an event of the daemon's log means to clients."""
    if event.type == LOST:
        yield from _ALL
    elif event.topic == "agent":
        yield ToolsListChanged()
    elif event.type == "skill/changed":
        yield from (PromptsListChanged(), ResourcesListChanged())
        changed: Collection[str] = event.data.get("changed", ())
        yield from (ResourceUpdated(skill_uri(name)) for name in changed)
    elif event.topic == "run" and event.type in TERMINAL_EVENTS:
        yield ResourceUpdated(RUN + event.data["runId"])


async def _notify(event: ServerEvent, context: Context, session: Session) -> None:
    """Tell a client of the older era; of resources only if it has subscribed to them."""
    match event:
        case ToolsListChanged():
            await context.session.send_tool_list_changed()
        case PromptsListChanged():
            await context.session.send_prompt_list_changed()
        case ResourcesListChanged():
            await context.session.send_resource_list_changed()
        case ResourceUpdated(uri) if uri in session.uris:
            await context.session.send_resource_updated(uri)
        case _:
            pass
