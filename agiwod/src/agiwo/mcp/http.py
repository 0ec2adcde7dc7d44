"""How a server is reached that is found at an address: no answer of it is endless. Speaks no protocol but HTTP."""

from collections.abc import AsyncGenerator
from typing import Final

import httpx2

from agiwo.errors import ConfigError
from agiwo.mcp.server import McpServer

_CONNECT: Final = 10.0
"""Seconds to reach it."""

_QUIET: Final = 300.0
"""Seconds without a byte in which a stream that is held open may still live; each call has its own deadline."""


def http_client(server: McpServer) -> httpx2.AsyncClient:
    """What reaches that server, and sends it its headers."""
    return httpx2.AsyncClient(
        # Packed answers could hold more than they seem to.
        headers={**server.headers, "accept-encoding": "identity"},
        timeout=httpx2.Timeout(_CONNECT, read=_QUIET),
        transport=_Bounded(server.most),
    )


class _Bounded(httpx2.AsyncBaseTransport):
    """The network, which refuses an answer that is too large or packed; an event stream is bounded event by event."""

    def __init__(self, most: int) -> None:
        self._most, self._network = most, httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, of which no more can be read than is taken."""
        response = await self._network.handle_async_request(request)
        if response.status_code in (401, 403):
            await response.aclose()
            raise ConfigError(f"it answers with status {response.status_code}: it wants another key in its headers")
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.RemoteProtocolError("the answer is packed, which was not asked for", request=request)
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _BoundedStream(response.stream, self._most)
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._network.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream, self._most = stream, most

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        size = 0
        async for piece in self._stream:
            size += len(piece)
            if size > self._most:
                raise httpx2.StreamError(f"the answer has more than the {self._most:,} bytes that are taken")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
