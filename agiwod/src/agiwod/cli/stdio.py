"""`agiwod stdio`, `mcp` and `acp`: what hosts spawn to speak with the daemon. Carries bytes and understands none."""

import os
import socket
import sys
from typing import TYPE_CHECKING, Final

from agiwo_protocol.paths import locate

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.starter import start_daemon
from agiwod.transport.pump import Pump

if TYPE_CHECKING:
    from agiwo_protocol.preface import Preface


_PLAIN: Final = "/._-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""What stands for itself in an opening line."""

_LONGEST: Final = 4000
"""Characters of a place that fits into one."""


def serve_stdio(*, standalone: bool, face: str | None = None, agent: str | None = None) -> int:
    """Carry this process's stdin and stdout to the daemon and back, until one side ends; return the exit code.

    `face` is whom the host speaks with there, unless it is our own protocol; `agent` is whom it asks, if it says so.
    """
    if standalone:
        return _serve_alone(face, agent)
    paths = locate()
    start_daemon(paths)
    with socket.socket(socket.AF_UNIX) as far:
        try:
            far.connect(str(paths.socket))
            far.sendall(_opening_line() if face is None else _preface(face, agent).to_line())
        except OSError as error:
            raise _gone(f"{paths.socket}: {error.strerror}") from None
        if not Pump(sys.stdin.fileno(), sys.stdout.fileno(), far).run():
            raise _gone("the connection has ended")
    return ExitCode.OK


def _opening_line() -> bytes:
    """As `Preface.to_line`, which would have an editor wait for what it loads; empty when there is no place to tell."""
    try:
        place = os.fsencode(os.getcwd())
    except OSError:
        return b""  # it was removed
    quoted = "".join(chr(each) if chr(each) in _PLAIN else f"%{each:02X}" for each in place)
    return f"AGIWOD/1 face=rpc cwd={quoted}\n".encode() if len(quoted) < _LONGEST and _is_text(place) else b""


def _is_text(place: bytes) -> bool:
    try:
        return bool(place.decode())
    except UnicodeDecodeError:
        return False


def _preface(face: str, agent: str | None = None) -> "Preface":
    from agiwo_protocol.preface import Preface

    asked = {"agent": agent} if agent else {}
    try:
        return Preface(face, {"cwd": os.getcwd(), **asked})
    except OSError:
        return Preface(face, asked)  # it was removed


def _serve_alone(face: str | None, agent: str | None) -> int:
    """Be the daemon. In our own protocol its first answer comes before most of it is loaded."""
    from agiwod.opening import Opening
    from agiwod.transport.claim import claim

    opening = Opening(*claim())
    if face is None:
        opening.listen()
    if opening.greeting is None:
        opening.frames.insert(0, _preface(face or "rpc", agent))
    from agiwod.cli.foreground import run_standalone

    run_standalone(opening)
    return ExitCode.OK


def _gone(what: str) -> CommandFailed:
    return CommandFailed(
        f"the daemon is gone ({what})", hint="runs go on when it is started again", code=ExitCode.NO_DAEMON
    )
