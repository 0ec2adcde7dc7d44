"""What a process holds at a moment, as Linux tells it: descriptors, threads, memory. Changes nothing."""

import os
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20


@dataclass(frozen=True)
class Held:
    """What a process holds; `memory` is bytes in RAM."""

    descriptors: int
    threads: int
    memory: int


def held(pid: int) -> Held:
    """What the process holds now."""
    proc = Path(f"/proc/{pid}")
    pages = int((proc / "statm").read_text().split()[1])
    counts = (len(list((proc / name).iterdir())) for name in ("fd", "task"))
    return Held(*counts, memory=pages * os.sysconf("SC_PAGE_SIZE"))


def sockets(pid: int) -> int:
    """How many sockets the process has open: what else it has open may still come while it begins."""
    links = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()]
    return sum(link.startswith("socket:") for link in links)


def most_memory(pid: int) -> int:
    """The most bytes that the process has had in RAM so far, or since `forget_most`."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def forget_most(pid: int) -> None:
    """Count the most memory from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
