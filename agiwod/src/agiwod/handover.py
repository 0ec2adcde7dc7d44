"""The socket at which systemd listens for this daemon, taken over as sd_listen_fds does it. Accepts nobody."""

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from agiwo.errors import ConfigError

VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
"""What systemd says to one process alone: its children have no such descriptors."""

NAMES: Final = ("agiwod", "agiwod.socket", "unknown", "")
"""What our socket may be called: as its unit says, as systemd does by itself, or not at all."""

_FIRST: Final = 3
"""The first descriptor that is handed over."""


def take_listener(environ: MutableMapping[str, str] = os.environ) -> socket.socket | None:
    """The socket that was handed over, None when none was. The environment says no more of it from now on.

    Raises:
        ConfigError: what was handed over is not the one unix socket that a daemon listens at.
    """
    pid, count, names = (environ.pop(name, "") for name in VARIABLES)
    if pid != str(os.getpid()) or not count.isdigit() or int(count) == 0:
        return None  # it was meant for one of our parents
    descriptors = range(_FIRST, _FIRST + int(count))
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    called = names.split(":") if names else [""] * len(descriptors)
    if len(descriptors) > 1 or called[0] not in NAMES:
        ours = "one socket with FileDescriptorName=agiwod"
        raise ConfigError(f"systemd hands over {', '.join(map(repr, called))}, and the daemon takes {ours}")
    return _listener(descriptors[0])


def _listener(descriptor: int) -> socket.socket:
    try:
        found = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ConfigError(f"systemd hands over no socket: {error.strerror}") from None
    # At a port anybody may come, and nobody would be asked for a token.
    if found.family != socket.AF_UNIX or found.type != socket.SOCK_STREAM or not _listens(found):
        found.close()
        raise ConfigError("systemd hands over a socket that is none of unix streams; its unit needs ListenStream=/PATH")
    return found


def _listens(found: socket.socket) -> bool:
    return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) and isinstance(found.getsockname(), str)
