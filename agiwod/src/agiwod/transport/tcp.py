"""Connections over TCP. Anybody who can reach the address may come: whoever serves it must ask for a token."""

import socket
from contextlib import suppress

from agiwo_protocol.channel import StreamChannel

from agiwod.transport.base import Converse, hold_all
from agiwod.transport.listener import address_of, is_open_to_others, listen

_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""A client whose machine vanished is found out after two minutes; a daemon may wait for days otherwise."""


class TcpTransport:
    """Listens from its making on at HOST:PORT. `address` is where: with the port that the system chose, if it was 0.

    Raises:
        ConfigError: nobody can listen there; the message says why.
    """

    def __init__(self, address: str) -> None:
        self._listener = listen(address)
        self.address = address_of(self._listener)
        self.is_open_to_others = is_open_to_others(self._listener)

    async def serve(self, converse: Converse) -> None:
        """Hold a conversation over each connection until cancelled; then end them, and listen no more."""
        await hold_all(converse, self._listener, admits=_kept_alive)

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


def _kept_alive(channel: StreamChannel) -> bool:
    line: socket.socket = channel.transport.get_extra_info("socket")
    with suppress(OSError):  # a client that is gone already will soon be noticed
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return True
