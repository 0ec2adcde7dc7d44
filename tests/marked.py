"""Processes known by a mark in their environment, which tools and MCP servers inherit: never looked for by name."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LOOK_AGAIN = 0.02


@dataclass(frozen=True)
class Mark:
    """A home directory that no other process has: what is handed on to every child, however little that is."""

    home: Path

    @property
    def env(self) -> dict[str, str]:
        """What a process must be given to carry it."""
        return {"HOME": str(self.home)}

    def pids(self) -> set[int]:
        """Those that carry it and live; who has ended and only was not fetched does not."""
        return set(self._found())

    def left_after(self, seconds: float) -> set[int]:
        """Those that are still there after that time, looked at until there are none."""
        deadline = time.monotonic() + seconds
        while (pids := self.pids()) and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN)
        return pids

    def kill(self) -> None:
        """End them all: a test that fails leaves nothing behind either."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _found(self) -> Iterator[int]:
        said = f"HOME={self.home}".encode()
        for place in Path("/proc").iterdir():
            if place.name.isdigit() and int(place.name) != os.getpid() and _has(place, said):
                yield int(place.name)


def _has(place: Path, said: bytes) -> bool:
    try:
        is_alive = (place / "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
        return is_alive and said in (place / "environ").read_bytes().split(b"\0")
    except OSError:
        return False  # it is another user's, or has just ended
