"""Starts the daemon in the background, once, however many ask for it at the same time. Is not the daemon."""

import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agiwo_protocol.paths import Paths, check_socket_dir, own_directory

from agiwod.cli.failure import DOCTOR, CommandFailed, ExitCode
from agiwod.cli.probe import daemon_status, is_on_demand

if TYPE_CHECKING:
    import subprocess

_DEADLINE: Final = 60.0
"""Seconds until a new daemon must answer, and that racers wait for the one that starts it."""

_LOOK_AGAIN: Final = 0.05
"""Seconds between looks at a daemon that comes or goes; nothing can be waited for before its socket is there."""

SILENCE: Final = 1.0
"""Seconds after which somebody who waits wants to know for what."""

NOT_TO_WAIT: Final = "`agiwod stop --now` ends it at once, and unfinished runs go on at the next start"
"""What to do about a daemon that drains."""

_QUOTED: Final = 20
"""Lines of a daemon's last words that are shown."""


@dataclass(frozen=True, slots=True)
class Started:
    """A daemon that answers: what it says of itself, and whether it runs because of us."""

    status: dict[str, Any]
    is_new: bool


def start_daemon(paths: Paths) -> Started:
    """A daemon that takes requests: the running one, or a new one of its own session that outlives this process.

    Raises:
        CommandFailed: none could be started; the message is what the daemon said.
    """
    is_asleep = is_on_demand(paths)
    status = daemon_status(paths, _DEADLINE) if is_asleep else daemon_status(paths)
    if status is not None and status["state"] != "draining":
        return Started(status, is_new=is_asleep)
    from filelock import FileLock, Timeout

    _prepare(paths)
    try:
        with FileLock(paths.lock_file, mode=0o600, timeout=_DEADLINE):
            return _start_alone(paths)
    except Timeout:
        raise CommandFailed(
            f"another process has been starting the daemon for {_DEADLINE:.0f} seconds",
            hint=f"it holds {paths.lock_file}; the daemon's log is {paths.log_file}",
        ) from None


def _prepare(paths: Paths) -> None:
    """Make the directories of the lock and of the socket, unless somebody else could stand there in our place."""
    try:
        check_socket_dir(own_directory(paths.lock_file.parent))
        paths.prepare_socket_dir()
    except PermissionError as error:
        raise CommandFailed(str(error)) from None


def _start_alone(paths: Paths) -> Started:
    import subprocess  # not by who finds a daemon running: a host waits for that

    status = _await_farewell(paths)
    if status is not None:
        return Started(status, is_new=False)
    own_directory(paths.state_dir)
    words = paths.state_dir / "last-words.txt"
    with open(os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        child = subprocess.Popen(
            # Safe path (-P): a file in the current directory must not pass for a module of ours.
            [sys.executable, "-P", "-m", "agiwod.cli", "serve"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=_environment(paths),
            start_new_session=True,
        )
    # A daemon that dies while we live must not stay behind as our zombie.
    threading.Thread(target=child.wait, name="reap-daemon", daemon=True).start()
    return Started(_await_answer(paths, child, words), is_new=True)


def _environment(paths: Paths) -> dict[str, str]:
    """Ours, without what systemd says to us alone: we may be part of another service."""
    from agiwod import handover, notify

    ours = {**os.environ, **({} if paths.home is None else {"AGIWOD_HOME": str(paths.home)})}
    return {name: value for name, value in ours.items() if name not in (*handover.VARIABLES, *notify.VARIABLES)}


def _await_farewell(paths: Paths) -> dict[str, Any] | None:
    """The daemon that takes requests, or None once there is none: one that is about to end is waited for."""
    begun, is_told = time.monotonic(), False
    while (status := daemon_status(paths)) is not None and status["state"] == "draining":
        waited = time.monotonic() - begun
        what = f"the daemon (pid {status['pid']}) is about to end, and waits for its runs"
        if waited > _DEADLINE:
            raise CommandFailed(what, hint=NOT_TO_WAIT)
        if waited > SILENCE and not is_told:
            print(f"{what}; {NOT_TO_WAIT}", file=sys.stderr, flush=True)
            is_told = True
        time.sleep(_LOOK_AGAIN)
    return status


def _await_answer(paths: Paths, child: "subprocess.Popen[bytes]", words: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline:
        has_ended = child.poll() is not None
        if (status := daemon_status(paths)) is not None:
            return status
        if has_ended:
            raise _stillborn(child.returncode, words, paths)
        time.sleep(_LOOK_AGAIN)
    child.terminate()
    raise CommandFailed(
        f"the daemon did not answer within {_DEADLINE:.0f} seconds", hint=f"its log is {paths.log_file}"
    )


def _stillborn(code: int, words: Path, paths: Paths) -> CommandFailed:
    """What a daemon that ended at once had to say; a traceback is shortened to its last line."""
    said = words.read_text(encoding="utf-8", errors="replace").strip()
    if "Traceback (most recent call last)" in said:
        said = f"{said.splitlines()[-1]}\n  the whole story is in {words}"
    lines = said.removeprefix("agiwod: ").splitlines()[:_QUOTED]
    if code == ExitCode.USAGE:
        return CommandFailed("\n".join(lines), code=ExitCode.USAGE)
    message = "\n".join(lines) or f"the daemon ended with code {code} and said nothing; its log is {paths.log_file}"
    return CommandFailed(message, hint=None if len(lines) > 1 else DOCTOR)
