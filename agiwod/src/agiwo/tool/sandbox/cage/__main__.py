"""Runs a command behind walls and within limits, and ends with it whatever it has started. Loads nothing of ours.

`python -I -S __main__.py FD COMMAND…`, where a plan is read from FD, ends as the command does, by a signal too.
SIGTERM, or the end of the process that started it, ends everything. `python -I -S __main__.py probe` tells which walls
this system has: the version of Landlock, and whether there are namespaces.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import family
import kernel
import landlock
import namespaces
import rlimits

TYPE_CHECKING = False  # that of `typing`, which takes as long to load as all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

_BEAT = 0.1
"""Seconds between two looks at what the command has used up."""

_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_UNCAGED = 126
"""The exit code when there is no command, because its walls do not stand."""


def main() -> int:
    """Run the command of the plan; the code of a command that cannot be run is a shell's."""
    if sys.argv[1:] == ["probe"]:
        os.write(1, f"{_landlock()} {int(_has_namespaces())}".encode())
        return 0
    plan, command = _plan(int(sys.argv[1])), sys.argv[2:]
    # The command itself has nothing to say there.
    os.set_inheritable(plan["report"], bool(plan.get("hands_on")))
    kernel.control(kernel.ADOPTS_ORPHANS, 1)
    rlimits.go_ahead()
    wake = _wake_by_signals()
    ours, theirs = os.pipe()
    try:
        if plan["namespaces"]:
            namespaces.enter(network=plan["network"])
    except kernel.Refused as refused:
        _report(plan, "refused", f"the command cannot be confined: {refused}")
        return _UNCAGED
    # Only now: whoever changes namespaces is forgotten by a parent that dies.
    kernel.control(kernel.PARENT_DIES, signal.SIGTERM)
    if os.getppid() != plan["parent"]:
        return _UNCAGED
    temporary = _temporary(plan)
    child = os.fork()
    if not child:
        os.close(ours)
        _go_inside(plan, command, theirs)
    os.close(theirs)
    _let_go_of_pipes()
    status = _keep(child, wake, ours, plan)
    if temporary:
        family.remove(temporary)
    _take_away(plan)
    return _mirror(status)


def _temporary(plan: Mapping[str, Any]) -> str | None:
    """A directory for temporary files, where others than this command's cannot be put elsewhere."""
    place: str | None = plan.get("temporary")
    if place is None or plan["namespaces"]:
        return None
    if not os.path.isdir(place):  # it is there, inside of bubblewrap
        os.mkdir(place, 0o700)
    os.putenv("TMPDIR", place)
    return place


def _plan(descriptor: int) -> Mapping[str, Any]:
    with open(descriptor, "rb") as file:
        return marshal.load(file)


def _go_inside(plan: Mapping[str, Any], command: Sequence[str], told: int) -> NoReturn:
    try:
        _behave()
        kernel.control(kernel.PARENT_DIES, signal.SIGKILL)
        if plan["namespaces"]:
            namespaces.furnish(plan)
        if plan["landlock"]:
            landlock.restrict(plan)
        if plan["namespaces"] or plan["landlock"]:
            kernel.drop_capabilities()
        os.chdir(plan["cwd"])
        if plan["namespaces"]:
            _lead(plan, command, told)
        _become(plan, command)
    except (kernel.Refused, OSError) as error:
        _report(plan, "refused", f"the command cannot be confined: {error}")
    finally:
        os._exit(_UNCAGED)


def _lead(plan: Mapping[str, Any], command: Sequence[str], told: int) -> None:
    """Be the first process of a namespace: take note of the end of each orphan, and end all with the command."""
    child = os.fork()
    if not child:
        os.close(told)
        _become(plan, command)
    _let_go_of_pipes()
    while True:
        pid, status = os.wait()
        if pid == child:
            os.write(told, str(status).encode())
            os._exit(0)


def _become(plan: Mapping[str, Any], command: Sequence[str]) -> NoReturn:
    rlimits.apply(plan["limits"], own_users=plan["apart"])
    try:
        os.execvp(command[0], list(command))
    except OSError as error:
        os.write(2, f"{command[0]} cannot be started: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _behave() -> None:
    """Have signals do what every program expects of them, also those that Python does not heed."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, *_STOPS):
        signal.signal(number, signal.SIG_DFL)


def _keep(child: int, wake: int, told: int, plan: Mapping[str, Any]) -> int:
    """How the command ended, when nothing is left of it."""
    status = None
    while status is None:
        ready, _, _ = select.select([wake], [], [], _BEAT)
        stopped = bool(ready) and not set(os.read(wake, 64)).isdisjoint(_STOPS)
        status = family.reap(child)
        reason = None if stopped or status is not None else _excess(plan)
        if reason:
            _report(plan, "killed", reason)
        if stopped or reason:
            _end(child, plan)
            return signal.SIGKILL
    _end(child, plan)
    inner = os.read(told, 16) if plan["namespaces"] else b""
    return int(inner) if inner else status


def _excess(plan: Mapping[str, Any]) -> str | None:
    if sys.platform != "linux":
        return None
    found = family.all_here() if plan["namespaces"] else family.below(os.getpid())
    return rlimits.excess(plan["limits"], found)


def _end(child: int, plan: Mapping[str, Any]) -> None:
    if plan["namespaces"]:
        _kill(child)  # with its first process, a namespace ends
    elif sys.platform == "linux":
        family.end_below(os.getpid())
    else:
        _kill(child)


def _kill(child: int) -> None:
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except OSError:
        return  # it has ended already


def _take_away(plan: Mapping[str, Any]) -> None:
    """Remove what was not to be made. No wall keeps something from being made where all else may be."""
    made = [place for place in plan.get("absent", ()) if os.path.lexists(place)]
    for place in made:
        family.remove(place)
    if made:
        _report(plan, "killed", f"it made {', '.join(made)}, which says what other programs run; that is gone again")


def _mirror(status: int) -> int:
    """End as the command did."""
    if not os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    number = os.WTERMSIG(status)
    rlimits.forbid_dumps()
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def _report(plan: Mapping[str, Any], what: str, why: str) -> None:
    try:
        os.write(plan["report"], f"{what}\n{why}".encode(errors="replace")[:4000])
    except OSError:
        return  # nobody is there to hear it


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


def _let_go_of_pipes() -> None:
    """Let the command alone have its output, so that it closes when the command does."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


def _landlock() -> int:
    return landlock.version() if sys.platform == "linux" else 0


def _has_namespaces() -> bool:
    """Whether all that is done with namespaces works here, tried in a process that ends."""
    if sys.platform != "linux":
        return False
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    code = 1
    try:
        namespaces.enter(network=False)
        if inner := os.fork():
            code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
        else:
            nothing: dict[str, Any] = {key: [] for key in ("writable", "scratch", "pinned", "kept", "shown", "hidden")}
            namespaces.furnish({**nothing, "cwd": "/", "network": False})
            code = 0
    except (kernel.Refused, OSError):
        code = 1
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
