"""What a command leaves behind, processes and files, and the end of it. Starts none."""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False  # that of `typing`, which takes as long to load as all the rest
if TYPE_CHECKING:
    from collections.abc import Callable

_DIE = 3.0
"""Seconds to see the end of what was killed; what the kernel holds longer is left to it."""

_BEAT = 0.005


def below(own: int) -> set[int]:
    """All that live below that process, where the system can tell."""
    if sys.platform != "linux":
        return set()
    parents = dict(filter(None, map(_parent, os.listdir("/proc"))))
    found, waiting = set[int](), [own]
    while waiting:
        above = waiting.pop()
        children = {pid for pid, parent in parents.items() if parent == above} - found
        found |= children
        waiting += children
    return found


def all_here() -> set[int]:
    """All that live in the namespace whose `/proc` this is."""
    return {pid for pid, _ in filter(None, map(_parent, os.listdir("/proc")))}


def end_below(own: int) -> None:
    """Kill all below that process, also those that are started meanwhile."""
    deadline = time.monotonic() + _DIE
    while (found := below(own)) and time.monotonic() < deadline:
        for number in (signal.SIGSTOP, signal.SIGKILL):  # what stands still starts no other
            for pid in found:
                _send(pid, number)
        reap()
        time.sleep(_BEAT)
    reap()


def remove(directory: str) -> None:
    """Remove a directory with all that is in it, or a file, as far as that can be done."""
    if os.path.islink(directory) or not os.path.isdir(directory):
        _try(os.unlink, directory)
        return
    for above, _, files in os.walk(directory, topdown=False):
        for name in files:
            _try(os.unlink, os.path.join(above, name))
        for name in os.listdir(above):
            path = os.path.join(above, name)
            _try(os.unlink if os.path.islink(path) else os.rmdir, path)
    _try(os.rmdir, directory)


def _try(act: Callable[[str], None], path: str) -> None:
    try:
        act(path)
    except OSError:
        return


def reap(wanted: int = 0) -> int | None:
    """Take note of all that have ended; how the wanted one did, if it is one of them."""
    status = None
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == wanted:
                status = ended[1]
    except ChildProcessError:
        pass
    return status


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return  # it has ended meanwhile, or is another user's


def _parent(name: str) -> tuple[int, int] | None:
    """A process and its parent, unless it is dead already."""
    if not name.isdigit():
        return None
    try:
        with open(f"/proc/{name}/stat", "rb") as file:
            state, parent = file.read().rpartition(b")")[2].split()[:2]
    except OSError:
        return None
    return None if state in (b"Z", b"X") else (int(name), int(parent))
