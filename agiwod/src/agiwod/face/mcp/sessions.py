"""What the clients want to hear: one of the older era says it once, a newer one with each request. Tells nobody."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast, get_args

from mcp.server import ServerRequestContext
from mcp_types import LOG_LEVEL_META_KEY, LoggingLevel, LoggingMessageNotification, LoggingMessageNotificationParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

Context = ServerRequestContext[Any]

LEVELS: Final = cast("tuple[LoggingLevel, ...]", get_args(LoggingLevel))
"""From the least to the most severe."""


@dataclass(slots=True)
class Session:
    """One client: the level from which on it wants messages, None for none of them, and the resources it watches.

    `watches` is set once it has watched any.
    """

    level: LoggingLevel | None = None
    uris: set[str] = field(default_factory=set[str])
    watches: asyncio.Event = field(default_factory=asyncio.Event)

    def subscribe(self, uri: str) -> None:
        """The client wants to hear when the resource changes."""
        self.uris.add(uri)
        self.watches.set()

    def hears(self, level: LoggingLevel) -> bool:
        """Whether the client wants to know of something as severe as this."""
        return self.level is not None and LEVELS.index(level) >= LEVELS.index(self.level)

    async def tell(self, level: LoggingLevel, said: Any, context: Context) -> None:
        """Tell the client, in the course of its request, if it wants to know."""
        if self.hears(level):
            params = LoggingMessageNotificationParams(level=level, logger="agiwod", data=said)
            await context.session.send_notification(
                LoggingMessageNotification(params=params), related_request_id=context.request_id
            )


class Sessions:
    """The clients of one server."""

    def __init__(self) -> None:
        self._sessions: dict[int, Session] = {}

    def of(self, context: Context) -> Session:
        """The client that asks."""
        if is_modern(context):
            level = (context.meta or {}).get(LOG_LEVEL_META_KEY)
            return Session(level if level in LEVELS else None)
        return self._sessions.get(_key(context)) or Session()

    @contextmanager
    def joined(self, context: Context) -> Generator[Session | None]:
        """A client from its handshake to its end; None when it is known already."""
        key = _key(context)
        if key in self._sessions:
            yield None
            return
        session = self._sessions[key] = Session()
        try:
            yield session
        finally:
            del self._sessions[key]


def is_modern(context: Context) -> bool:
    """Whether the request is of the era without handshakes."""
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS


def client_name(context: Context) -> str:
    """What the client calls itself."""
    params = context.session.client_params
    return params.client_info.name if params else "an MCP client"


def _key(context: Context) -> int:
    # What a connection keeps from its handshake to its end is one object, and nothing else of it is public.
    return id(context.session.client_params)
