"""`agiwod stdio`: what a host spawns to speak with the daemon. Carries bytes and understands none of them."""

import socket
import sys

from agiwo_protocol.paths import locate

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.starter import start_daemon
from agiwod.transport.pump import Pump


def serve_stdio(*, standalone: bool) -> int:
    """Carry this process's stdin and stdout to the daemon and back, until one side ends; return the exit code."""
    if standalone:
        return _serve_alone()
    paths = locate()
    start_daemon(paths)
    with socket.socket(socket.AF_UNIX) as far:
        try:
            far.connect(str(paths.socket))
        except OSError as error:
            raise _gone(f"{paths.socket}: {error.strerror}") from None
        if not Pump(sys.stdin.fileno(), sys.stdout.fileno(), far).run():
            raise _gone("the connection has ended")
    return ExitCode.OK


def _serve_alone() -> int:
    """Be the daemon. Its first answer comes before most of it is loaded."""
    from agiwod.opening import Opening
    from agiwod.transport.claim import claim

    opening = Opening(*claim())
    opening.listen()
    from agiwod.cli.foreground import run_standalone

    run_standalone(opening)
    return ExitCode.OK


def _gone(what: str) -> CommandFailed:
    return CommandFailed(
        f"the daemon is gone ({what})", hint="runs go on when it is started again", code=ExitCode.NO_DAEMON
    )
