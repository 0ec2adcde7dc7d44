"""Which walls this system has to put around commands. Asked once, of a process that tries them; raises none."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

CAGE: Final = Path(__file__).with_name("cage") / "__main__.py"
"""The program that raises walls and keeps a command to its limits."""

_PATIENCE = 20.0
"""Seconds to find out; it takes a tenth of one."""

_FILES, _SIGNALS, _NETWORK = 1, 6, 4
"""Versions of Landlock since which it has walls for these."""


@dataclass(frozen=True, slots=True)
class Walls:
    """What there is: the version of Landlock (0: none), namespaces for everybody, the path of bubblewrap."""

    landlock: int = 0
    namespaces: bool = False
    bubblewrap: str | None = None

    @property
    def has_namespaces(self) -> bool:
        """Whether a command can be given a view of the system of its own, whoever makes it."""
        return self.namespaces or self.bubblewrap is not None

    def __bool__(self) -> bool:
        return self.landlock >= _FILES or self.has_namespaces

    @property
    def names(self) -> str:
        """What they are, in a few words."""
        kinds = [f"Landlock {self.landlock}"] if self.landlock else []
        kinds += ["namespaces"] if self.namespaces else ["bubblewrap"] if self.bubblewrap else []
        return " and ".join(kinds) or "none"

    @property
    def gaps(self) -> tuple[str, ...]:
        """What they do not keep commands from; nothing where there are none at all, which says enough."""
        if not self or self.has_namespaces:
            return ()
        found = ["unix sockets of other programs can be reached", "`.git/hooks` and `.git/config` can be changed"]
        found.append("modes and times of files can be changed")
        if self.landlock < _NETWORK:
            found.append("the network can be reached")
        else:
            found.append("UDP can be sent")
        if self.landlock < _SIGNALS:
            found.append("processes of the same user can be sent signals")
        return tuple(found)


@cache
def walls() -> Walls:
    """Those of this system. Blocks, the first time."""
    if sys.platform != "linux":
        return Walls()
    try:
        command = [sys.executable, "-I", "-S", str(CAGE), "probe"]
        told = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=True, env={}).stdout.split()
        landlock, namespaces = map(int, told)
    except (OSError, ValueError, subprocess.SubprocessError):
        return Walls()
    return Walls(landlock, bool(namespaces), None if namespaces else find_bubblewrap())


def find_bubblewrap() -> str | None:
    """Where bubblewrap is, if it works here."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    command = [program, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    try:
        tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return program if tried.returncode == 0 else None
