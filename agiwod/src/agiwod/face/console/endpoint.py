"""The console over HTTP: its page, the calls of that page, and one stream a tab. Light: the page's files come later."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from agiwo.tool.thread import in_thread
from agiwo_protocol.contract import LONGEST_NAME
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from agiwod.face.console import places
from agiwod.face.console.call import answer_call, refused
from agiwod.face.console.pass_card import PassCards
from agiwod.face.console.stream import PROJECT, Streams
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.errors import TooMuch

if TYPE_CHECKING:
    from agiwod.face.console.pages import Pages

_STATIC: Final = "/console/static/"

_FREE: Final = frozenset({f"{_STATIC}style.css", f"{_STATIC}icon.svg"})
"""What everybody may have: the page that tells strangers where to ask wears it, too."""

_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""What each answer says: nothing of another place is loaded here, nothing of here is loaded there, no text is code."""


class ConsoleEndpoint:
    """All that lies below `/console`. It lets in whoever has come in with a code, as well as who has the token."""

    def __init__(self, daemon: Daemon, names: Sequence[str]) -> None:
        self._daemon, self._streams = daemon, Streams(daemon)
        self._made: Pages | None = None
        self._answers: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
            ("GET", "/console"): self._page,
            ("POST", "/console/call"): self._call,
        }

    def admits(self, scope: Scope) -> bool:
        """Whether who asks needs no token: a browser that shows its card, or a code that opens."""
        request, console = Request(scope), self._daemon.console
        if scope["path"] in _FREE:
            return True
        if console.address is None:
            return False
        if scope["path"] == "/console" and console.knows(request.query_params.get("code", "")):
            return True
        return self._cards.is_good(request.headers.get("cookie", ""), console.now(), request.headers.get("host", ""))

    async def turn_away(self, scope: Scope) -> Response | None:
        """The page for a person who is not let in; None when a program asks."""
        request = Request(scope)
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            return None
        return _safe((await self._pages()).stranger())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whoever asks has been let in."""
        request = Request(scope, receive)
        is_stream = (request.method, scope["path"]) == ("GET", "/console/events")
        refusal = self._refusal(request)
        if refusal is None and is_stream:
            refusal = await self._stream(request, send)
            if refusal is None:
                return
        try:
            answer = refusal or await self._answer(request)
        except ClientDisconnect:
            return
        await _safe(answer)(scope, receive, send)

    async def close(self) -> None:
        """End all streams."""
        await self._streams.close()

    def _refusal(self, request: Request) -> Response | None:
        """Why nothing here is served: the console is off, or a page of another place asks with our browser's card."""
        if request.scope["path"] in _FREE:
            return None
        if self._daemon.console.address is None:
            return refused(404, "not_found", "the console is off; `agiwod console` turns it on")
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() != f"http://{request.headers.get('host', '')}".lower():
            return refused(403, "forbidden", "pages of other places may not ask the console")
        is_entering = request.scope["path"] == "/console" and "code" in request.query_params
        if not is_entering and request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return refused(403, "forbidden", "pages of other places may not ask the console")
        return None

    async def _answer(self, request: Request) -> Response:
        method, path = request.method, request.scope["path"]
        if path.startswith(_STATIC) and method == "GET":
            return (await self._pages()).file(path.removeprefix(_STATIC), request)
        answer = self._answers.get((method, path))
        if answer is not None:
            return await answer(request)
        allowed = {"/console/call": "POST"}.get(path, "GET")
        return Response(status_code=405, headers={"Allow": allowed})

    async def _page(self, request: Request) -> Response:
        """The page; or, for who comes with a code, a card and the way to the page."""
        pages, console = await self._pages(), self._daemon.console
        code = request.query_params.get("code")
        if code is None:
            return pages.page()
        if not console.redeem(code):
            return pages.stranger()
        answer = pages.entered()
        answer.headers["Set-Cookie"] = self._cards.issue(console.now(), request.headers.get("host", ""))
        return answer

    async def _call(self, request: Request) -> Response:
        return await answer_call(request, self._streams)

    async def _stream(self, request: Request, send: Send) -> Response | None:
        """Serve a tab to its end; or tell why not."""
        place = places.read(request.headers.get("last-event-id", ""))
        project = unquote(request.headers.get(PROJECT, ""))
        if len(project) > LONGEST_NAME:
            return refused(400, "invalid_request", f"a project's path has at most {LONGEST_NAME} characters")

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_encoded()]}
            await send(message)

        try:
            await self._streams.serve(place, project, request.receive, safely)
        except TooMuch as error:
            return refused(503, "overloaded", str(error))
        return None

    @property
    def _cards(self) -> PassCards:
        return PassCards(self._daemon.console.key)

    async def _pages(self) -> "Pages":
        if self._made is None:
            self._made = await in_thread(lambda: _load(self._daemon.facts.version))
        return self._made


def _encoded() -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in _HEADERS.items()]


def _safe(answer: Response) -> Response:
    answer.headers.update(_HEADERS)
    return answer


def _load(version: str) -> "Pages":
    from agiwod.face.console.pages import Pages

    return Pages(version)
