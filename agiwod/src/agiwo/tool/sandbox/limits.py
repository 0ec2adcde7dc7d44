"""How much a command of a tool may use up. Only numbers: what holds to them is the program `cage`."""

import os
from dataclasses import dataclass, field

_MIB = 2**20


def _half_of_memory() -> int:
    """Half of this machine's memory, in MiB."""
    try:
        return max(512, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 // _MIB)
    except (ValueError, OSError, AttributeError):
        return 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """MiB of memory and number of processes, of a command and all that it starts; MiB of a file, and open files."""

    memory: int = field(default_factory=_half_of_memory)
    processes: int = 1024
    file: int = 8192
    files: int = 8192

    def plan(self, seconds: float) -> dict[str, int]:
        """As the program takes them, for a command that may take so long."""
        # Each process may use up what all cores give in that time; then the clock has ended it already.
        cpu = int(seconds + 1) * (os.cpu_count() or 1) + 1
        return {
            "memory": self.memory * _MIB,
            "processes": self.processes,
            "file": self.file * _MIB,
            "files": self.files,
            "cpu": cpu,
        }
