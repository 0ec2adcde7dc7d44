"""What a process has used and holds, as /proc tells it. Linux only; needs nothing but the standard library."""

import gc
import os
import time
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu(process: int) -> float:
    """Seconds of CPU that a process has used, by the threads that it has."""
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def memory(process: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE


def children() -> list[int]:
    """The processes that this one has started and that go on."""
    found = Path("/proc/self/task").glob("*/children")
    return [int(child) for each in found for child in each.read_text().split()]


def family_cpu() -> float:
    """Seconds of CPU of this process and its children."""
    return time.process_time() + sum(map(cpu, children()))


def family_memory() -> int:
    """Bytes of memory of this process, which are not garbage, and of its children."""
    gc.collect()
    return memory(os.getpid()) + sum(map(memory, children()))
