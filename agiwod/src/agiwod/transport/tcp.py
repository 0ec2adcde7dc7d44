"""Connections over TCP. Anybody who can reach the address may come: whoever serves it must ask for a token."""

import ipaddress
import socket
import sys
from contextlib import suppress

from agiwo.errors import ConfigError
from agiwo_protocol.channel import StreamChannel

from agiwod.transport.base import Converse, hold_all

_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""A client whose machine vanished is found out after two minutes; a daemon may wait for days otherwise."""


class TcpTransport:
    """Listens from its making on at HOST:PORT. `address` is where: with the port that the system chose, if it was 0.

    Raises:
        ConfigError: nobody can listen there; the message says why.
    """

    def __init__(self, address: str) -> None:
        self._listener = _listen(*split(address))
        host, port, *_ = self._listener.getsockname()
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.is_open_to_others = not ipaddress.ip_address(host.partition("%")[0]).is_loopback

    async def serve(self, converse: Converse) -> None:
        """Hold a conversation over each connection until cancelled; then end them, and listen no more."""
        await hold_all(converse, self._listener, admits=_kept_alive)

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


def split(address: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, or of [HOST]:PORT as IPv6 is written."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f"nobody can listen at {host}:{port}: {error.strerror or error}") from None
    try:
        if sys.platform != "win32":  # where it would let two processes have the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(f"nobody can listen at {host}:{port}: {error.strerror or error}") from None
    return listener


def _kept_alive(channel: StreamChannel) -> bool:
    line: socket.socket = channel.transport.get_extra_info("socket")
    with suppress(OSError):  # a client that is gone already will soon be noticed
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return True
