"""Connections over a unix socket of this user alone."""

import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agiwo.errors import ConfigError, Conflict
from agiwo_protocol.channel import StreamChannel

from agiwod.transport.base import Converse, hold_all

log = logging.getLogger(__name__)


class UnixTransport:
    """Listens at a path, whose directory must be there and belong to this user.

    `ready` is called once connections are accepted, which are those of processes of the `owner`, this user if nobody
    says, and of root. To be served by one process at a time: whoever holds the lock of the daemon's data. With a
    `listener` somebody else has made the socket, and goes on with it afterwards.
    """

    def __init__(
        self,
        path: Path,
        ready: Callable[[], None] = lambda: None,
        listener: socket.socket | None = None,
        *,
        owner: int | None = None,
    ) -> None:
        self._path, self._ready, self._listener = path, ready, listener
        self._owner = os.getuid() if owner is None else owner

    async def serve(self, converse: Converse) -> None:
        """Hold a conversation over each connection until cancelled; then end them, and remove a socket of our own.

        Raises:
            Conflict: another process listens at the path.
            ConfigError: nobody can listen there; the message says why.
        """
        if self._listener is not None:
            await hold_all(converse, self._listener, admits=self._admits, ready=self._ready)
            return
        listener = _listen(self._path)
        own = os.stat(self._path)
        try:
            await hold_all(converse, listener, admits=self._admits, ready=self._ready)
        finally:
            with suppress(FileNotFoundError):
                if os.path.samestat(os.stat(self._path), own):
                    os.unlink(self._path)

    def _admits(self, channel: StreamChannel) -> bool:
        """Whether the other end is a process that may come. Elsewhere than on Linux the directory guards."""
        peer = channel.credentials
        if peer is None or peer.uid in (self._owner, 0):
            return True
        log.warning("refused a connection of user %d", peer.uid)
        channel.transport.close()
        return False


def _listen(path: Path) -> socket.socket:
    """A socket bound to the path, for the owner alone from its first moment on."""
    if path.exists() and _answers(path):
        raise Conflict(f"another process listens at {path}")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    except OSError as error:
        listener.close()
        raise ConfigError(f"the socket {path} cannot be made: {error.strerror or error}") from None
    finally:
        os.umask(before)
    return listener


def _answers(path: Path) -> bool:
    """Whether somebody listens there; a socket that its process left behind refuses."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
        return True
