"""`agiwod stdio` and `mcp`: what a host spawns to speak with the daemon. Carries bytes and understands none of them."""

import os
import socket
import sys
from typing import TYPE_CHECKING

from agiwo_protocol.paths import locate

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.starter import start_daemon
from agiwod.transport.pump import Pump

if TYPE_CHECKING:
    from agiwo_protocol.preface import Preface


def serve_stdio(*, standalone: bool, face: str | None = None) -> int:
    """Carry this process's stdin and stdout to the daemon and back, until one side ends; return the exit code.

    `face` is whom the host speaks with there, unless it is our own protocol.
    """
    if standalone:
        return _serve_alone(face)
    paths = locate()
    start_daemon(paths)
    with socket.socket(socket.AF_UNIX) as far:
        try:
            far.connect(str(paths.socket))
            if face is not None:
                far.sendall(_preface(face).to_line())
        except OSError as error:
            raise _gone(f"{paths.socket}: {error.strerror}") from None
        if not Pump(sys.stdin.fileno(), sys.stdout.fileno(), far).run():
            raise _gone("the connection has ended")
    return ExitCode.OK


def _preface(face: str) -> "Preface":
    from agiwo_protocol.preface import Preface

    return Preface(face, {"cwd": os.getcwd()})


def _serve_alone(face: str | None) -> int:
    """Be the daemon. In our own protocol its first answer comes before most of it is loaded."""
    from agiwod.opening import Opening
    from agiwod.transport.claim import claim

    opening = Opening(*claim())
    if face is None:
        opening.listen()
    else:
        opening.frames.append(_preface(face))
    from agiwod.cli.foreground import run_standalone

    run_standalone(opening)
    return ExitCode.OK


def _gone(what: str) -> CommandFailed:
    return CommandFailed(
        f"the daemon is gone ({what})", hint="runs go on when it is started again", code=ExitCode.NO_DAEMON
    )
