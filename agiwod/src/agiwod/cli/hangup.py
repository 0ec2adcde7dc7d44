"""Tells a running daemon to read its settings again. Does not wait until it has: `agiwod status` says how it went."""

import os
import signal

from agiwo_protocol.paths import Paths

from agiwod.cli.probe import found_daemon


def reload_daemon(paths: Paths) -> int | None:
    """Send the signal; return the daemon's pid, None when no daemon runs."""
    status = found_daemon(paths)
    if status is None:
        return None
    os.kill(status["pid"], signal.SIGHUP)
    return status["pid"]
