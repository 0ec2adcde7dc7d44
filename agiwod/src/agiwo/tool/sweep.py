"""Kills processes by a mark in their environment, wherever they are: out of their group, or with another parent."""

import os
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

COMMAND: Final = "AGIWO_COMMAND"
"""The variable by which all that a command starts is known."""

_SWEEPS = 10
"""Times that processes are looked for which are to be killed: they may start others meanwhile."""


def new_mark() -> str:
    """A mark that no other command has. It names this process, which may end before the command."""
    return f"{os.getpid()}.{_began(os.getpid())}.{secrets.token_hex(8)}"


def sweep(variable: str, mark: str) -> None:
    """Kill whatever carries the mark, where the system tells."""
    for _ in range(_SWEEPS):
        found = [pid for pid, value in _marked(variable) if value == mark]
        _kill(found)
        if not found:
            return


def sweep_orphans() -> None:
    """Kill what is left of the commands of processes that were killed."""
    _kill([pid for pid, mark in _marked(COMMAND) if not _has_owner(mark)])


def _has_owner(mark: str) -> bool:
    pid, _, rest = mark.partition(".")
    return not pid.isdigit() or _began(int(pid)) == rest.partition(".")[0]


def _began(pid: int) -> str:
    """When the process began, by the system's own count; empty when there is none, or nobody can tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _marked(variable: str) -> list[tuple[int, str]]:
    """The processes that have the variable, and what it says; of this user, where the system tells."""
    found, begin = list[tuple[int, str]](), f"{variable}=".encode()
    for name in filter(str.isdigit, os.listdir("/proc") if sys.platform == "linux" else ()):
        with suppress(OSError):
            said = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
            found += [(int(name), each[len(begin) :].decode()) for each in said if each.startswith(begin)]
    return found


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
