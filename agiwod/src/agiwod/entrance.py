"""The ways in of a daemon: where clients come from, and what they must know. Serves nobody."""

import logging
import socket as sockets
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agiwo.errors import ConfigError
from agiwo_protocol.paths import Paths

from agiwod.face.lock import Lock
from agiwod.settings import Settings
from agiwod.token import take_token
from agiwod.transport.base import Transport
from agiwod.transport.tcp import TcpTransport
from agiwod.transport.unix import UnixTransport

if TYPE_CHECKING:
    from agiwod.transport.http import HttpTransport

_TOKEN: Final = "AGIWOD_TOKEN"
"""What stands where the token is taken out of a text."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Places:
    """Where clients find a daemon, for those who ask it or start it."""

    socket: str | None = None
    tcp: str | None = None
    http: str | None = None
    token_file: str | None = None


@dataclass(frozen=True, slots=True)
class HttpWay:
    """Where HTTP is served, the token that opens it, and the names under which it may be asked."""

    transport: "HttpTransport"
    token: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entrances:
    """Each transport with the lock that stands before its clients, None where the system vouches for them."""

    ways: tuple[tuple[Transport, Lock | None], ...]
    places: Places = Places()
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    http: HttpWay | None = None


@contextmanager
def entrances(
    settings: Settings,
    paths: Paths,
    ready: Callable[[Places], None],
    listener: sockets.socket | None = None,
) -> Generator[Entrances]:
    """The unix socket, and over TCP and HTTP what the settings want. `ready` is told where, once clients can connect.

    With a `listener` that one is the unix socket, wherever it is.

    Raises:
        ConfigError: nobody can listen there, or the token's file cannot be used.
    """
    socket = listener.getsockname() if listener else str(paths.prepare_socket_dir())
    if socket != str(paths.socket):
        log.warning("systemd listens at %s, and clients look for the daemon at %s", socket, paths.socket)
    with ExitStack() as opened:
        token = take_token(paths.token_file) if settings.serve.tcp or settings.serve.http else ""
        tcp, http = _tcp(settings, opened), _http(settings, token, opened)
        places = Places(
            socket,
            tcp.address if tcp else None,
            http.transport.address if http else None,
            str(paths.token_file) if token else None,
        )
        unix = UnixTransport(paths.socket, lambda: ready(places), listener)
        guarded = ((tcp, Lock(token)),) if tcp else ()
        yield Entrances(((unix, None), *guarded), places, {_TOKEN: token} if token else {}, http)


def _tcp(settings: Settings, opened: ExitStack) -> TcpTransport | None:
    if settings.serve.tcp is None:
        return None
    with _named(settings, "tcp"):
        tcp = TcpTransport(settings.serve.tcp)
        opened.callback(tcp.close)
        _ask_consent(settings, tcp)
    return tcp


def _http(settings: Settings, token: str, opened: ExitStack) -> HttpWay | None:
    if settings.serve.http is None:
        return None
    # Loaded here: few daemons serve HTTP, and none should begin later for it.
    from agiwod.face.gate import names_of
    from agiwod.transport.http import HttpTransport

    with _named(settings, "http"):
        http = HttpTransport(settings.serve.http)
        opened.callback(http.close)
        _ask_consent(settings, http)
    return HttpWay(http, token, names_of(http.address, settings.serve.http_hosts))


@contextmanager
def _named(settings: Settings, way: str) -> Generator[None]:
    """Tell with a fault which setting it is of."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{settings.origin('serve', way)}: {error}") from None


def _ask_consent(settings: Settings, transport: "TcpTransport | HttpTransport") -> None:
    """Let other machines come only where the user has said so: the token and all else can be read on the way."""
    if not transport.is_open_to_others:
        return
    danger = f"other machines can reach {transport.address}, and nothing is encrypted on the way"
    if not settings.serve.allow_remote:
        todo = "listen at 127.0.0.1 and have ssh forward the port, or set allow_remote = true in [serve]"
        raise ConfigError(f"{danger}; {todo}")
    log.warning(danger)
