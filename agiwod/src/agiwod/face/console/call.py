"""A request of the page, as one POST: the same JSON that any client sends, and the same answer. Serves no method."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from agiwo_protocol import jsonrpc
from agiwo_protocol.channel import ChannelClosed
from agiwo_protocol.errors import InvalidRequest, MessageTooLarge, RpcError
from agiwo_protocol.jsonrpc import Invalid, Request, RequestId
from agiwo_protocol.limits import MAX_MESSAGE
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.types import Receive

from agiwod.face.console.stream import Streams

TAB: Final = "console-tab"
"""The header that says of which tab a request is."""

T = TypeVar("T")


async def answer_call(request: HttpRequest, streams: Streams) -> Response:
    """What the request comes to. A page that goes away meanwhile cancels it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return refused(415, "invalid_request", "send JSON, and say so in Content-Type")
    tab = streams.find(request.headers.get(TAB, ""))
    if tab is None:
        return refused(409, "no_tab", "there is no such tab; open its stream first")
    try:
        asked = jsonrpc.read(await _body(request))
    except RpcError as error:
        return _failed(None, error)
    if not isinstance(asked, Request):
        error = asked.error if isinstance(asked, Invalid) else InvalidRequest("a call is a request with an id")
        return _failed(asked.id if isinstance(asked, Invalid) else None, error)
    try:
        body = await _unless_gone(request.receive, tab.ask(asked))
    except RpcError as error:
        return _failed(asked.id, error)
    except ChannelClosed:
        return refused(409, "no_tab", "the tab's stream has ended; open it again")
    return Response(body, media_type="application/json")


async def _body(request: HttpRequest) -> bytes:
    """All of it.

    Raises:
        MessageTooLarge: it has more bytes than a message may have.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_MESSAGE:
            raise MessageTooLarge(f"a message has at most {MAX_MESSAGE} bytes", limit=MAX_MESSAGE)
    return bytes(body)


async def _unless_gone(receive: Receive, work: Awaitable[T]) -> T:
    """What the work comes to, which is cancelled when nobody waits for it any more.

    Raises:
        ClientDisconnect: nobody does.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(receive())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


def _failed(id: RequestId | None, error: RpcError) -> Response:
    return Response(jsonrpc.failure(id, error), media_type="application/json")


def refused(status: int, kind: str, message: str) -> Response:
    """An answer of HTTP's own, for what never becomes a request of the protocol."""
    return JSONResponse({"error": {"kind": kind, "message": message}}, status)
