"""One question to the daemon: how it is. Of the standard library only, so that asking is cheap."""

import json
import os
import socket
from typing import Any

from agiwo_protocol.paths import Paths, check_socket

from agiwod.cli.failure import DOCTOR, CommandFailed

_QUESTION = b'{"jsonrpc":"2.0","id":1,"method":"daemon/status"}\n'

_PATIENCE = 10.0
"""Seconds that a daemon may take to answer; one that is busy recovering runs needs some."""


def found_daemon(paths: Paths) -> dict[str, Any] | None:
    """As `daemon_status`, without starting anything."""
    return None if is_on_demand(paths) else daemon_status(paths)


def is_on_demand(paths: Paths) -> bool:
    """Whether systemd listens in the place of a daemon that does not run, and would start it for any question."""
    from agiwod.cli.managers.systemd import socket_unit

    if not socket_unit(paths, {**os.environ}).exists():
        return False
    from agiwod.cli.held import is_held

    return not is_held(paths.data_dir / "daemon.lock")


def daemon_status(paths: Paths, patience: float = _PATIENCE) -> dict[str, Any] | None:
    """What the daemon says of itself; None when no daemon listens. Where systemd does, that starts it.

    Raises:
        CommandFailed: somebody listens and does not answer as a daemon does, or could be anybody.
    """
    try:
        check_socket(paths.socket)
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(patience)
            line.connect(str(paths.socket))
            line.sendall(_QUESTION)
            with line.makefile("rb") as answers:
                answer = answers.readline()
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return None
    except ConnectionError:
        # It was there, and ended while it was asked.
        return None
    except TimeoutError:
        raise _silent(paths, f"has not answered for {patience:.0f} seconds") from None
    except OSError as error:
        raise CommandFailed(f"cannot connect to {paths.socket}: {error.strerror or error}", hint=DOCTOR) from None
    return _read(paths, answer) if answer else None


def _read(paths: Paths, answer: bytes) -> dict[str, Any]:
    try:
        said = json.loads(answer)
        if "error" in said:
            raise _refused(paths, said["error"]["message"])
        return said["result"]
    except (ValueError, KeyError, TypeError):
        raise _silent(paths, "does not answer as a daemon of this version does") from None


def _refused(paths: Paths, why: str) -> CommandFailed:
    """There are too many clients already: who would end the daemon has to do so without being one."""
    lock = paths.data_dir / "daemon.lock"
    return CommandFailed(f"the daemon refuses: {why}", hint=f"SIGTERM ends it, its pid is in {lock}; runs go on later")


def _silent(paths: Paths, complaint: str) -> CommandFailed:
    return CommandFailed(f"who listens at {paths.socket} {complaint}", hint=f"{DOCTOR}; its log is {paths.log_file}")
