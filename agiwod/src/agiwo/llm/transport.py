"""The HTTP client's way to the network: a socket of this event loop, with a merger of chunks on it. Knows no provider.

In the place of the client's own streams, which ask the event loop to watch and to forget the socket with every read.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, cast

import httpcore2
import httpx2

from agiwo.llm.chunked import ChunkMerger
from agiwo.llm.dial import addresses_of, dial, reason_of

_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

_AHEAD = 256 * 1024
"""Bytes that may wait to be read; with more the socket is left alone until they are."""

_TOGETHER = 64 * 1024
"""Bytes of a request that are held for what follows: a head and a short body are one packet, and one wake-up there."""


class MergingTransport(httpx2.AsyncHTTPTransport):
    """The client's own transport over a pool of connections that merge what came in one read."""

    def __init__(self, verify: ssl.SSLContext, limits: httpx2.Limits) -> None:
        super().__init__(verify=verify)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Network(),
        )


class _Network(httpcore2.AsyncNetworkBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        local = (local_address, 0) if local_address else None
        try:
            async with asyncio.timeout(timeout):
                transport, stream = await dial(_Stream, await addresses_of(host, port), port, local)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ConnectError(reason_of(error)) from error
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        return stream

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """A connection. What it merges waits here to be read; what is written waits for the end of the request."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._merger = ChunkMerger()
        self._came = bytearray()
        self._is_paused = self._is_over = False
        self._fault: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._unsent: list[bytes] = []
        self._writer: asyncio.Future[None] | None = None
        self._may_write = True

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._take(self._merger.feed(data))

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fault = exc
        self._end()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        _settle(self._writer)

    def _take(self, merged: bytes) -> None:
        self._came += merged
        if len(self._came) > _AHEAD and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        if self._came:
            _settle(self._reader)

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._take(self._merger.end())
            _settle(self._reader)

    # What the HTTP client asks for

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._send()
        if not (self._came or self._is_over):
            self._reader = self._loop.create_future()
            await self._within(timeout, self._reader, httpcore2.ReadTimeout())
        if not self._came and self._fault is not None:
            raise httpcore2.ReadError(str(self._fault)) from self._fault
        data = bytes(self._came[:max_bytes])
        del self._came[:max_bytes]
        if self._is_paused and len(self._came) < _AHEAD and not self._is_over:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._merger.restart()
        if buffer:
            self._unsent.append(buffer)
            if sum(map(len, self._unsent)) < _TOGETHER:
                return
        # An empty buffer is the end of a request whose length was announced.
        self._send()
        if not self._may_write:
            self._writer = self._loop.create_future()
            await self._within(timeout, self._writer, httpcore2.WriteTimeout())
        if self._is_over:
            raise httpcore2.WriteError(str(self._fault or "the connection was closed")) from self._fault

    def _send(self) -> None:
        if self._unsent:
            whole = b"".join(self._unsent)
            self._unsent.clear()
            if not self._is_over:
                self._transport.write(whole)

    async def _within(self, timeout: float | None, news: "asyncio.Future[None]", late: Exception) -> None:
        timer = None if timeout is None else self._loop.call_later(timeout, _settle, news, late)
        try:
            await news
        finally:
            if timer is not None:
                timer.cancel()

    async def aclose(self) -> None:
        self._transport.abort()
        await asyncio.sleep(0)  # the socket is closed in the event loop's next turn, which may be its last

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                secured = await self._loop.start_tls(
                    self._transport, self, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError as error:
            await self.aclose()
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:  # ssl.SSLError is one
            await self.aclose()
            raise httpcore2.ConnectError(str(error)) from error
        assert secured is not None
        self._transport = secured
        return self

    def get_extra_info(self, info: str) -> Any:
        # An idle connection that can be read has been closed by the other side, or says what nobody asked for.
        if info == "is_readable":
            return self._is_over or bool(self._came)
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))


def _settle(future: "asyncio.Future[None] | None", late: Exception | None = None) -> None:
    if future is None or future.done():
        return
    if late is None:
        future.set_result(None)
    else:
        future.set_exception(late)
