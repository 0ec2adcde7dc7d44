"""What this client serves when the daemon asks it: questions about calls, and calls of its tools. Knows no run."""

import asyncio
from typing import Any

from agiwo_protocol import approval, jsonrpc, tool
from agiwo_protocol.channel import Channel
from agiwo_protocol.connection import ClientCapabilities
from agiwo_protocol.errors import Cancelled, MethodNotFound, RpcError
from agiwo_protocol.jsonrpc import Request
from agiwo_protocol.peer import Peer

from agiwo_client.calls import Calls
from agiwo_client.questions import Questions


class Service:
    """Serves requests over all connections of one client. None: the client does not do that."""

    def __init__(self, questions: Questions | None, calls: Calls | None) -> None:
        self._questions, self._calls = questions, calls
        self._served: set[asyncio.Task[None]] = set()

    @property
    def capabilities(self) -> ClientCapabilities:
        """What the daemon is to know of it."""
        return ClientCapabilities(
            approvals=None if self._questions is None else {}, tools=None if self._calls is None else {}
        )

    @property
    def tools(self) -> list[tool.Offered]:
        """The tools that the client offers."""
        return [] if self._calls is None else self._calls.offered

    async def serve(self, peer: Peer, request: Request) -> Any:
        """The answer to a request of the daemon.

        Raises:
            RpcError: it is none that is served here.
        """
        return await self._answer_to(peer.channel, request)

    def serve_on(self, channel: Channel, request: Request) -> "asyncio.Task[None]":
        """Serve a request that came over a connection which has no `Peer`; cancel what is returned to end that."""
        task = asyncio.create_task(self._answer(channel, request), name=f"{request.method} {request.id}")
        self._served.add(task)
        task.add_done_callback(self._served.discard)
        return task

    async def aclose(self) -> None:
        """Serve nothing more."""
        for task in list(self._served):
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        for each in (self._questions, self._calls):
            if each is not None:
                await each.aclose()

    async def _answer(self, channel: Channel, request: Request) -> None:
        try:
            body = jsonrpc.result(request.id, await self._answer_to(channel, request))
        except RpcError as error:
            body = jsonrpc.failure(request.id, error)
        except asyncio.CancelledError:
            channel.write(jsonrpc.failure(request.id, Cancelled("the request was cancelled")))
            raise
        channel.write(body)

    async def _answer_to(self, channel: Channel, request: Request) -> Any:
        if request.method == approval.REQUEST.name and self._questions is not None:
            return await self._questions.serve(request.params)
        if request.method == tool.CALL.name and self._calls is not None:
            return await self._calls.serve(channel, request.params)
        raise MethodNotFound("this client does not serve that", method=request.method, near=[])
