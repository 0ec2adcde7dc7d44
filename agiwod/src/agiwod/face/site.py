"""All that is served over HTTP: the endpoints of the faces, by path, behind one gate. Has no page of its own."""

from collections.abc import Iterable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from agiwod.face import ENDPOINTS, make_endpoints
from agiwod.face.base import Keeper
from agiwod.face.gate import Gate
from agiwod.runtime.daemon import Daemon

FREE: Final = ("/healthz",)
"""Paths that are answered without the token."""


class Site:
    """The ASGI app. `names` are those under which it may be asked. Close it when nobody asks any more."""

    def __init__(self, daemon: Daemon, token: str, names: Sequence[str], paths: Iterable[str] = ENDPOINTS) -> None:
        self._gate = Gate(token, names, FREE)
        self._endpoints = make_endpoints(paths, daemon, names)
        self._keepers = {path: each for path, each in self._endpoints.items() if isinstance(each, Keeper)}
        self._routes = [Route(path, endpoint) for path, endpoint in self._endpoints.items()]
        self._app = Starlette(routes=self._routes, exception_handlers={HTTPException: _told})

    @property
    def paths(self) -> tuple[str, ...]:
        """What can be asked for: the whole table of routes."""
        return tuple(route.path for route in self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        keeper = self._keepers.get("/" + scope["path"].strip("/").partition("/")[0])
        refusal = self._gate.refusal(scope, keeper.admits) if keeper else self._gate.refusal(scope)
        if refusal is not None and refusal.status_code == 401 and keeper is not None:
            refusal = await keeper.turn_away(scope) or refusal
        answer = refusal or self._app
        await answer(scope, receive, send)

    async def close(self) -> None:
        """End what the endpoints have under way."""
        for endpoint in dict.fromkeys(self._endpoints.values()):
            await endpoint.close()


def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = "not_found" if error.status_code == 404 else "invalid_request"
    body = {"error": {"kind": kind, "message": error.detail}}
    return JSONResponse(body, error.status_code, error.headers)
