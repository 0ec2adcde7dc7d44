"""What systemd is told of this daemon, as sd_notify does it. Silent where nobody asked for it."""

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What systemd says to one process alone: its children are not to speak in its name."""

LAST_DEEDS: Final = 15.0
"""Seconds beyond the drain's end in which a daemon closes its store."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Where systemd listens, None where it does not, and how many seconds it wants to hear nothing at most."""

    address: str | None = None
    patience: float | None = None

    def ready(self, where: str) -> None:
        """Clients can connect, at first or again."""
        self._tell(READY=1, STATUS=f"serves at {where}")

    def reloading(self) -> None:
        """The settings are read; `ready` comes when that is done."""
        # Since systemd 253 it is told when: else it cannot know which reload this is the answer to.
        self._tell(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)

    def stopping(self, seconds: float) -> None:
        """The daemon is about to end, and runs have so many seconds at most: the unit's own patience may be shorter."""
        asked = round((seconds + LAST_DEEDS) * 1e6)
        self._tell(STOPPING=1, EXTEND_TIMEOUT_USEC=asked, STATUS=f"waits for runs, for {seconds:.0f} s at most")

    def alive(self) -> None:
        """All is well for now."""
        self._tell(WATCHDOG=1)

    def _tell(self, **said: object) -> None:
        if self.address is None:
            return
        words = "\n".join(f"{name}={value}" for name, value in said.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)  # a manager that does not listen holds up nobody
            line.connect(self.address)
            line.send(words.encode())


def take_notify(environ: MutableMapping[str, str] = os.environ) -> Notify:
    """What the environment says of it, which says no more of it from now on."""
    address, microseconds, pid = (environ.pop(name, "") for name in VARIABLES)
    if not address.startswith(("/", "@")):
        return Notify()
    is_watched = microseconds.isdigit() and int(microseconds) > 0 and pid in ("", str(os.getpid()))
    # A name that begins with @ is one that no file has.
    return Notify(address.replace("@", "\0", 1), int(microseconds) / 1e6 if is_watched else None)
