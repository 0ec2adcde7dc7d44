"""The daemon's process and what it leaves behind: lock, socket, log. Sends it one question and no signal."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from agiwod.cli.checks.finding import Finding, Patient, fault, ok, warning
from agiwod.cli.held import is_held
from agiwod.cli.probe import is_on_demand

_LONGEST_MARK: Final = 20
"""Characters of a lock that are shown; a pid has fewer, and anything else is not worth more."""


def check_daemon(patient: Patient) -> Iterator[Finding]:
    """Whether one runs, and how it says that it is."""
    status = patient.status
    if patient.silence is not None:
        todo = "look at that path and at `agiwod logs`; what listens there and is no daemon must end"
        yield fault("daemon", patient.silence, todo)
    elif status is None:
        yield ok("daemon", "none runs; the next command starts one")
    elif status["state"] == "degraded":
        yield fault("daemon", f"the store refuses writes: {status['storage'].get('error')}", "look at the disk")
    elif status["state"] == "draining":
        yield warning("daemon", f"pid {status['pid']} is about to end", "wait, or `agiwod stop --now`")
    else:
        yield ok("daemon", f"pid {status['pid']} has been up for {status['uptimeSeconds']:.0f} s")
    if status is not None:
        yield from _reloaded(status.get("config") or {})


def _reloaded(config: dict[str, Any]) -> Iterator[Finding]:
    if error := config.get("error"):
        yield fault("reload", f"the daemon refused newer settings: {error}", "mend them: `agiwod config edit`")
    if waiting := config.get("afterRestart"):
        yield warning("reload", f"{', '.join(waiting)}: changed since the daemon began", "`agiwod restart`")


def check_lock(patient: Patient) -> Iterator[Finding]:
    """Who holds the data, and whether its last holder was killed."""
    file = patient.paths.data_dir / "daemon.lock"
    if file.is_dir():
        yield fault("lock", f"{file} is no file", f"move it away: mv {file} {file}.old")
        return
    mark = _read(file)
    if not mark:
        yield ok("lock", "nobody holds the data")
    elif not is_held(file):
        yield warning(
            "lock",
            f"{file} is stale: its daemon (pid {mark}) was killed",
            "nothing; the next daemon takes it over, and goes on with the runs",
        )
    elif patient.status is None:
        yield fault(
            "lock",
            f"pid {mark} holds {file}, and nothing answers at {patient.paths.socket}",
            f"a daemon that serves stdio alone, or one that hangs; `kill {mark}` ends it",
        )
    else:
        yield ok("lock", f"pid {mark} holds {file}")


def check_socket(patient: Patient) -> Iterator[Finding]:
    """What is at the socket's path."""
    path = patient.paths.socket
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        yield ok("socket", f"{path} is not there; a daemon makes it")
        return
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISSOCK(found.st_mode):
        yield fault("socket", f"{path} is no socket", f"move it away: mv {path} {path}.old")
    elif mode & 0o077:
        yield fault("socket", f"{path} is open to others (mode {mode:04o})", f"chmod 600 {path}")
    elif mode & 0o600 != 0o600:
        yield fault("socket", f"{path} is closed to its owner (mode {mode:04o})", f"chmod 600 {path}")
    elif is_on_demand(patient.paths):
        yield ok("socket", f"{path}; systemd listens there, and starts the daemon for whoever connects")
    elif patient.status is None and patient.silence is None:
        yield warning("socket", f"{path} is stale: nobody listens", "nothing; the next daemon makes it anew")
    else:
        yield ok("socket", str(path))


def check_log(patient: Patient) -> Iterator[Finding]:
    """How large the log is."""
    file = patient.paths.log_file
    if file.exists():
        files = list(file.parent.glob(f"{file.name}*"))
        size = sum(each.stat().st_size for each in files)
        yield ok("log size", f"{size // 1000} kB in {len(files)} of at most 5 files; `agiwod logs` shows it")


def _read(file: Path) -> str:
    """Whom the lock names, as far as it fits a line; empty when it names nobody."""
    try:
        return " ".join(file.read_text(errors="replace").split())[:_LONGEST_MARK]
    except (FileNotFoundError, NotADirectoryError):
        return ""
