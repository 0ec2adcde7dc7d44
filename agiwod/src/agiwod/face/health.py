"""Whether the daemon takes work, for those who watch over it. Tells nothing else, and asks for no token."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from agiwod.runtime.daemon import Daemon, State

_WORKING: Final = (State.READY, State.DEGRADED)

_LAST: Final = {"Connection": "close"}
"""A stranger's connection ends with its answer."""


class HealthEndpoint:
    """`GET /healthz`: 200 while runs are taken, 503 when not, and the word for it."""

    def __init__(self, daemon: Daemon, names: Sequence[str]) -> None:
        self._daemon = daemon

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await self._answer(Request(scope))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return Response(status_code=405, headers={"Allow": "GET, HEAD", **_LAST})
        state = self._daemon.state
        return JSONResponse({"status": str(state)}, 200 if state in _WORKING else 503, _LAST)

    async def close(self) -> None:
        """Nothing is under way."""
