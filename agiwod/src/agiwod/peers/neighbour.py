"""A daemon as the others over the same store know it: who it is, and where it can be reached. Connects to nobody."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agiwo.errors import ConfigError
from agiwo_client.address import Address, UnixAddress, read_address
from agiwo_client.errors import DaemonNotFound
from agiwo_protocol.channel import StreamChannel

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A daemon. `tcp` is where other machines find it, `socket` where those of its own `machine` do."""

    id: str
    machine: str
    socket: str | None = None
    tcp: str | None = None


class Way:
    """The address of a neighbour, looked for anew whenever one wants to get there: it may just be about to listen.

    On its own machine that is its socket, else its TCP port, where the token is that of our own file.
    """

    def __init__(self, neighbour: Neighbour, token_file: Path) -> None:
        self._neighbour, self._token_file = neighbour, token_file
        self._found: Address | None = None

    def __str__(self) -> str:
        return str(self._found or self._neighbour.tcp or self._neighbour.socket)

    async def connect(self) -> StreamChannel | None:
        """As `Address.connect`."""
        self._found = self._look()
        return await self._found.connect()

    def token(self) -> str | None:
        """As `Address.token`."""
        return self._found.token() if self._found else None

    def advice(self, home: Path | None) -> str:
        """As `Address.advice`."""
        return "it is looked for again"

    def _look(self) -> Address:
        there = self._neighbour
        is_here = there.socket is not None and there.machine == this_machine()
        if there.socket is not None and is_here and (there.tcp is None or os.path.exists(there.socket)):
            return UnixAddress(Path(there.socket))
        if there.tcp is None:
            raise DaemonNotFound(f"the daemon {there.id} is on another machine, and has no [serve] tcp")
        try:
            return read_address(there.tcp, None, self._token_file)
        except ValueError as error:
            raise DaemonNotFound(f"the daemon {there.id} cannot be found: {error}") from None


def this_machine() -> str:
    """What no other machine is called, nor a copy of this one."""
    return f"{socket.gethostname()} {_BOOT.read_text().strip() if _BOOT.exists() else ''}".strip()


def seen_from(tcp: str, other: str) -> str:
    """Where others reach HOST:PORT when it means every address of this machine: by that which `other` is reached from.

    Raises:
        ConfigError: nobody knows the way to `other`.
    """
    host, _, port = tcp.rpartition(":")
    if host.strip("[]") not in ("0.0.0.0", "::"):
        return tcp
    there, _, its_port = other.rpartition(":")
    try:
        family, kind, _, _, place = socket.getaddrinfo(there.strip("[]"), int(its_port), type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(place)  # which sends nothing, and chooses our address
            own = str(probe.getsockname()[0])
    except OSError as error:
        raise ConfigError(f"there is no way to {other}: {error.strerror or error}") from None
    return f"[{own}]:{port}" if ":" in own else f"{own}:{port}"
