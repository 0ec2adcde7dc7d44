"""The ways in of a daemon: where clients come from, and what they must know. Serves nobody."""

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from agiwo.errors import ConfigError
from agiwo_protocol.paths import Paths

from agiwod.face.lock import Lock
from agiwod.settings import Settings
from agiwod.token import take_token
from agiwod.transport.base import Transport
from agiwod.transport.tcp import TcpTransport
from agiwod.transport.unix import UnixTransport

_TOKEN: Final = "AGIWOD_TOKEN"
"""What stands where the token is taken out of a text."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Places:
    """Where clients find a daemon, for those who ask it or start it."""

    socket: str | None = None
    tcp: str | None = None
    token_file: str | None = None


@dataclass(frozen=True, slots=True)
class Entrances:
    """Each transport with the lock that stands before its clients, None where the system vouches for them."""

    ways: tuple[tuple[Transport, Lock | None], ...]
    places: Places = Places()
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])


@contextmanager
def entrances(settings: Settings, paths: Paths, ready: Callable[[Places], None]) -> Generator[Entrances]:
    """The unix socket, and over TCP what the settings want. `ready` is told where, once clients can connect.

    Raises:
        ConfigError: nobody can listen there, or the token's file cannot be used.
    """
    places = Places(str(paths.prepare_socket_dir()))
    if settings.serve.tcp is None:
        yield Entrances(((UnixTransport(paths.socket, lambda: ready(places)), None),), places)
        return
    token = take_token(paths.token_file)
    with _tcp(settings, settings.serve.tcp) as tcp:
        places = Places(places.socket, tcp.address, str(paths.token_file))
        unix = UnixTransport(paths.socket, lambda: ready(places))
        yield Entrances(((unix, None), (tcp, Lock(token))), places, {_TOKEN: token})


@contextmanager
def _tcp(settings: Settings, address: str) -> Generator[TcpTransport]:
    try:
        tcp = TcpTransport(address)
    except ConfigError as error:
        raise ConfigError(f"{settings.origin('serve', 'tcp')}: {error}") from None
    if tcp.is_open_to_others:
        log.warning("other machines can reach tcp %s, and nothing is encrypted on the way", tcp.address)
    try:
        yield tcp
    finally:
        tcp.close()
