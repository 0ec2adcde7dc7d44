"""MCP under a path of HTTP. Light, as the face is: all of it is made when the first request comes."""

import asyncio
from collections.abc import Sequence

from agiwo.tool.thread import in_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from agiwod.runtime.daemon import Daemon


class McpEndpoint:
    """Streamable HTTP in both eras, for who asks under one of these names."""

    def __init__(self, daemon: Daemon, names: Sequence[str]) -> None:
        self._daemon, self._names = daemon, names
        self._leaving = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._app: asyncio.Future[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._app is None:
            self._app = asyncio.get_running_loop().create_future()
            self._serving = asyncio.create_task(self._serve(self._app), name="mcp over http")
        app = await asyncio.shield(self._app)
        await app(scope, receive, send)

    async def _serve(self, app: "asyncio.Future[ASGIApp]") -> None:
        """Have the app from the first request on until it is closed."""
        web = await in_thread(_load)
        async with web.serving(self._daemon, self._names, self._leaving.is_set) as served:
            app.set_result(served)
            await self._leaving.wait()

    async def close(self) -> None:
        """End all sessions. The runs of calls that were under way go on."""
        self._leaving.set()
        if self._serving is not None:
            await asyncio.gather(self._serving, return_exceptions=True)


def _load():
    from agiwod.face.mcp import web

    return web
