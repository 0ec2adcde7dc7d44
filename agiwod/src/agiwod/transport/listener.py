"""A socket that listens at HOST:PORT, and what its address says. Accepts nobody."""

import ipaddress
import socket
import sys

from agiwo.errors import ConfigError


def split(address: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, or of [HOST]:PORT as IPv6 is written."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def listen(address: str) -> socket.socket:
    """A socket that listens there, on a port that the system chooses when it is 0.

    Raises:
        ConfigError: nobody can listen there; the message says why.
    """
    host, port = split(address)
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


def address_of(listener: socket.socket) -> str:
    """Where it listens, as HOST:PORT."""
    host, port, *_ = listener.getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_open_to_others(listener: socket.socket) -> bool:
    """Whether other machines can reach it."""
    host = str(listener.getsockname()[0])
    return not ipaddress.ip_address(host.partition("%")[0]).is_loopback
