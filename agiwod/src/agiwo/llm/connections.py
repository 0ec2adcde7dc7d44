"""The connections to providers, which every event loop keeps for the next request. Knows no deadline and no refusal."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies
from weakref import WeakKeyDictionary

import httpx2

from agiwo.llm.transport import MergingTransport

# No limit on connections: how many requests may run at once is decided before they come here.
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=60)


async def connections(pool: str, url: str) -> httpx2.AsyncBaseTransport:
    """The connections of that pool in this event loop, which closes them at its end; to this URL if it is a new pool.

    No client of the HTTP library stands before them, unless there are proxies: what it does for each request (cookies,
    redirects, hooks) is not wanted here, and costs more than sending it.
    """
    loop = asyncio.get_running_loop()
    held = _pools.get(loop)
    if held is None:
        held = _pools[loop] = _Pools()
        await anext(held.lifetime)
    transport = held.transports.get(pool)
    if transport is None:
        transport = held.transports[pool] = _transport_to(url)
    return transport


class _Pools:
    """The pools of one event loop, and the generator whose closing closes them."""

    def __init__(self) -> None:
        self.transports: dict[str, httpx2.AsyncBaseTransport] = {}
        self.lifetime = _until_the_loop_ends(self.transports)


async def _until_the_loop_ends(transports: dict[str, httpx2.AsyncBaseTransport]) -> AsyncGenerator[None]:
    # asyncio closes every generator that is still open before it closes the loop: the one moment at which the
    # connections can be closed properly by a program that never says goodbye.
    try:
        yield
    finally:
        for transport in transports.values():
            await transport.aclose()
        transports.clear()


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pools] = WeakKeyDictionary()


def _transport_to(url: str) -> httpx2.AsyncBaseTransport:
    trust = _ssl_context() if url.startswith("https:") else _no_tls()
    # A transport of ours leaves proxies aside; none of them could reach this machine's own servers anyway.
    if _is_loopback(url) or not getproxies():
        return MergingTransport(trust, _LIMITS)
    return _Proxied(trust)


class _Proxied(httpx2.AsyncBaseTransport):
    """The way that the environment wants, which the client of the HTTP library knows."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._client = httpx2.AsyncClient(verify=trust, limits=_LIMITS, timeout=None)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._client.send(request, stream=True)

    async def aclose(self) -> None:
        await self._client.aclose()


@cache
def _ssl_context() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


@cache
def _no_tls() -> ssl.SSLContext:
    """A context that trusts nobody, for plain HTTP: loading the roots would cost 30 ms for nothing."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
