"""HTTP connections to checked addresses only: the address that was checked is the one that is connected to."""

import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from typing import cast

import httpcore2
import httpx2

from agiwo.errors import ToolError
from agiwo.tool.address import Network, may_reach
from agiwo.tool.thread import in_thread

_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as this machine knows them.

    Raises: ToolError when it knows none.
    """
    try:
        found = await in_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        raise ToolError(f"there is no host {host[:200]!r} ({error})") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def checked_client(allowed: Sequence[Network], resolve: Resolve) -> httpx2.AsyncClient:
    """A client without proxies, cookies and passwords of this machine, that connects only where it may."""
    trust = await in_thread(_trust)
    return httpx2.AsyncClient(
        transport=_CheckedTransport(trust, allowed, resolve), timeout=None, trust_env=False, follow_redirects=False
    )


@cache
def _trust() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


class _CheckedTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, trust: ssl.SSLContext, allowed: Sequence[Network], resolve: Resolve) -> None:
        super().__init__(verify=trust)
        self._pool = httpcore2.AsyncConnectionPool(ssl_context=trust, network_backend=_Network(allowed, resolve))


class _Network(httpcore2.AsyncNetworkBackend):
    """Every connection, that of a redirect too, is made here: there is no way around the check."""

    def __init__(self, allowed: Sequence[Network], resolve: Resolve) -> None:
        self._plain = cast(httpcore2.AsyncNetworkBackend, httpcore2.AnyIOBackend())
        self._allowed, self._resolve = allowed, resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        reachable = [address for address in addresses if may_reach(address, self._allowed)]
        if not reachable:
            raise ToolError(f"{host} is not on the public internet, and this tool may not reach it")
        for address in reachable[:-1]:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore2.ConnectError:
                continue
        return await self._plain.connect_tcp(reachable[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)
