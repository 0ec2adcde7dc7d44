"""The sessions of MCP over HTTP, as an ASGI app. Loads mcp, so it is loaded in a thread; who may ask was seen to."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

# Whole before its parts: another thread may be loading it, for a server whose tools agents use.
import mcp as mcp
from agiwo_protocol.limits import MAX_MESSAGE
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send

from agiwod.face.mcp.server import McpServer
from agiwod.runtime.daemon import Daemon


@asynccontextmanager
async def serving(daemon: Daemon, names: Sequence[str], is_left: Callable[[], bool]) -> AsyncGenerator[ASGIApp]:
    """The app, for as long as it is needed; then its sessions are ended."""
    server = McpServer(daemon, is_left)
    manager = StreamableHTTPSessionManager(
        server.server,
        security_settings=_security(names),
        max_request_body_size=MAX_MESSAGE,
    )
    forget = daemon.on_end(server.answered)
    try:
        async with manager.run():
            yield _in_small_letters(StreamableHTTPASGIApp(manager))
    finally:
        forget()


def _in_small_letters(app: ASGIApp) -> ASGIApp:
    """The app, asked with hosts in small letters: mcp compares them as they are written, though they know no case."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        fields: Iterable[tuple[bytes, bytes]] = scope["headers"]
        lowered = [(name, value.lower() if name in (b"host", b"origin") else value) for name, value in fields]
        await app({**scope, "headers": lowered}, receive, send)

    return asked


def _security(names: Sequence[str]) -> TransportSecuritySettings:
    """The names at any port, and pages of theirs. Given, since mcp checks nothing by itself."""
    hosts = [host for name in names for host in (name, f"{name}:*")]
    origins = [f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts]
    return TransportSecuritySettings(enable_dns_rebinding_protection=True, allowed_hosts=hosts, allowed_origins=origins)
