"""A daemon as the others over the same store know it: who it is, and where it can be reached. Connects to nobody."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agiwo.errors import ConfigError
from agiwo_client.address import Address, UnixAddress, read_address

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A daemon. `tcp` is where other machines find it, `socket` where those of its own `machine` do."""

    id: str
    machine: str
    socket: str | None = None
    tcp: str | None = None

    def address(self, token_file: Path) -> Address | None:
        """Where to reach it from here; None when there is no way. The token for TCP is that of our own file."""
        if self.socket and self.machine == this_machine() and os.path.exists(self.socket):
            return UnixAddress(Path(self.socket))
        if self.tcp is None:
            return None
        try:
            return read_address(self.tcp, None, token_file)
        except ValueError:
            return None


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
