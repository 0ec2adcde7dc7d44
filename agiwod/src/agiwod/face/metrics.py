"""The daemon's numbers as Prometheus reads them. Counts nothing itself."""

from collections.abc import Sequence

from agiwo.errors import StorageError
from agiwo.observability.prometheus import CONTENT_TYPE, text
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agiwod.runtime.daemon import Daemon


class MetricsEndpoint:
    """`GET /metrics`: all numbers as they stand; 503 when the store cannot be read."""

    def __init__(self, daemon: Daemon, names: Sequence[str]) -> None:
        self._daemon = daemon

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        answer = await self._answer(Request(scope))
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return Response(status_code=405, headers={"Allow": "GET, HEAD"})
        try:
            readings = await self._daemon.metrics.read()
        except StorageError as error:
            return Response(str(error), 503, media_type="text/plain")
        return Response(text(readings), headers={"Content-Type": CONTENT_TYPE})

    async def close(self) -> None:
        """Nothing is under way."""
