"""How much a command may use up, each of its processes and all of them together. Ends none."""

from __future__ import annotations

import os
import resource
import sys

TYPE_CHECKING = False  # that of `typing`, which takes as long to load as all the rest
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PAGE = resource.getpagesize()

_BEHIND = 5
"""How far a command stands behind the daemon when both want the processor."""

_AHEAD = -20
"""How far before everything a keeper stands, where it may."""


def go_ahead() -> None:
    """Let this process come before what it watches; what it starts does not.

    Only the superuser may, and only he needs it: Linux counts no processes of his, so that a command which starts more
    and more has to be noticed, among thousands that want the processor.
    """
    if sys.platform != "linux":
        return
    try:
        os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        os.nice(_AHEAD)
    except OSError:
        return


def apply(limits: Mapping[str, int], *, own_users: bool) -> None:
    """Limit this process, and so whatever it becomes and starts. `own_users`: nobody else's processes are counted."""
    forbid_dumps()
    os.nice(_BEHIND)
    # Not the address space, of which many programs reserve far more than they use.
    _set("RLIMIT_DATA" if sys.platform == "linux" else "RLIMIT_AS", limits["memory"])
    _set("RLIMIT_FSIZE", limits["file"])
    _set("RLIMIT_NOFILE", limits["files"])
    _set("RLIMIT_CPU", limits["cpu"])
    if sys.platform == "linux":
        _limit_processes(limits["processes"], own_users=own_users)
        _go_first()


def excess(limits: Mapping[str, int], processes: Iterable[int]) -> str | None:
    """What these processes have too much of together; None when they keep within their bounds."""
    found = list(processes)
    if len(found) > limits["processes"]:
        return f"it had more than {limits['processes']:,} processes"
    if sum(map(_memory, found)) > limits["memory"]:
        return f"it took more than {limits['memory'] // 2**20:,} MiB of memory"
    return None


def forbid_dumps() -> None:
    """Let this process leave no image of its memory behind, however it ends."""
    _set("RLIMIT_CORE", 0)


def _set(name: str, most: int) -> None:
    number = getattr(resource, name)
    _, hard = resource.getrlimit(number)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(number, (most, most))
    except (ValueError, OSError):
        return  # not on this system; what all have together is limited all the same


def _limit_processes(most: int, *, own_users: bool) -> None:
    """Limit the user's processes and threads, in the way of this kernel: of the whole system, or of the namespace."""
    counts_apart = own_users and _version() >= (5, 14)
    _set("RLIMIT_NPROC", most if counts_apart else most + _threads_of(os.getuid()))


def _version() -> tuple[int, ...]:
    numbers = os.uname().release.split("-")[0].split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdigit())


def _threads_of(user: int) -> int:
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid == user:
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue
    return count


def _go_first() -> None:
    """When the system's memory is short, let it be this that is ended, and not the daemon."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("800")
    except OSError:
        return


def _memory(process: int) -> int:
    """Bytes of memory that a process has for itself."""
    try:
        with open(f"/proc/{process}/statm", "rb") as file:
            _, resident, shared, *_ = file.read().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * _PAGE
