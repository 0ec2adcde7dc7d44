"""Runs a server, and ends with it whatever it has started. A program of its own, which loads nothing of ours.

`python -I -S keeper.py FD COMMAND…`, where FD is a socket that is closed at its other end when the server is not wanted
any more: on purpose, or because the process that wanted it is gone, however that went. A byte on it says that nothing
is left.
"""

import ctypes
import os
import select
import signal
import sys
import time

_LEAVE = 1.0
"""Seconds that a server has to end by itself: it has noticed that nobody listens, too."""

_HEED = 0.5
"""Seconds between the signal that asks to end and the one that does not ask."""

_DIE = 3.0
"""Seconds to see the end of what was killed; what the kernel holds longer is left to it."""

_BEAT = 0.01

_DEATH_SIGNAL, _SUBREAPER = 1, 36
"""What Linux calls PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER."""

_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> int:
    """Run the command until it ends or is not wanted any more; return its exit code, or that of a shell for it."""
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(lifeline, False)
    # What loses its parent becomes a child of this process, and is found when all are ended.
    _prctl(_SUBREAPER, 1)
    wake = _wake_by_signals()
    server = _start(command)
    _let_go_of_pipes()
    code = _reap(server)
    while code is None:
        ready, _, _ = select.select([lifeline, wake], [], [])
        stopped = wake in ready and not set(os.read(wake, 64)).isdisjoint(_STOPS)
        code = _reap(server)
        if code is None and (lifeline in ready or stopped):
            code = _wait(server, 0.0 if stopped else _LEAVE)
            break
    code = _end_all(server, signal.SIGTERM, _HEED, code)
    code = _end_all(server, signal.SIGKILL, _DIE, code)
    if not _below(os.getpid()):
        _report(lifeline)
    return 1 if code is None else code


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _wake_by_signals() -> int:
    """A pipe that says which signals have come."""
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    os.set_blocking(theirs, False)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *_STOPS):
        signal.signal(number, _wake)
    return ours


def _wake(number: int, frame: object) -> None:
    """Do nothing: that there is a handler has the number written to the pipe."""


def _start(command: list[str]) -> int:
    own = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        _prctl(_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != own:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, *_STOPS):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]} cannot be started: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _let_go_of_pipes() -> None:
    """Let the server alone have its stdin and stdout, so that each closes when it closes it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)


def _reap(server: int) -> int | None:
    """Take note of all that have ended; the server's exit code when it is one of them."""
    code = None
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == server:
                found = os.waitstatus_to_exitcode(ended[1])
                code = found if found >= 0 else 128 - found
    except ChildProcessError:
        pass
    return code


def _wait(server: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while (code := _reap(server)) is None and time.monotonic() < deadline:
        time.sleep(_BEAT)
    return code


def _end_all(server: int, number: int, seconds: float, code: int | None) -> int | None:
    """Send the signal to all below this process, also to those that are started meanwhile; the server's exit code."""
    if sys.platform != "linux":
        os.killpg(0, number)  # its group stands for them, and with SIGKILL this is the last that it does
    deadline, told = time.monotonic() + seconds, set[int]()
    while (found := _below(os.getpid())) and time.monotonic() < deadline:
        for pid in found - told:
            _send(pid, number)
        told = set[int]() if number == signal.SIGKILL else told | found
        time.sleep(_BEAT)
        ended = _reap(server)
        code = ended if code is None else code
    return code


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return  # it has ended meanwhile, or is another user's


def _report(lifeline: int) -> None:
    try:
        os.write(lifeline, b".")
    except OSError:
        return  # nobody is there to hear it


def _below(own: int) -> set[int]:
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


if __name__ == "__main__":
    sys.exit(main())
