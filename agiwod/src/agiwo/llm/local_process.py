"""A llama.cpp server as a supervised child of this process: started when needed, stopped when idle. Speaks no HTTP."""

import asyncio
import atexit
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agiwo.child_environment import plain_environment
from agiwo.errors import ModelError

_READY = 120.0
"""Seconds to load the weights; it takes one, but a cold disk and a busy machine may take long."""

_FAREWELL = 2.0
"""Seconds to end by itself; it holds nothing that needs saving, so then it is killed."""

_DYING = 0.5
"""Seconds between a server's broken connections and the moment at which the system calls it dead."""

_HANDED_ON = (
    *("HOME", "LANG", "LC_", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TZ", "USER", "VIRTUAL_ENV", "XDG_CACHE"),
    *("COVERAGE_", "CUDA_", "DYLD_", "GGML_", "HIP_", "LD_", "LLAMA_ARG_", "OMP_", "PYTHON"),
)
"""How the variables begin that it gets: what its libraries read, and no keys, for which it has no use."""

_LAST_WORDS = 1000
"""Bytes of its log in an error."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running server is, and the key it asks for."""

    base_url: str
    key: str
    pid: int


class LocalServer:
    """One server for one file of weights. Any event loop and any thread of this process may borrow it.

    It ends with this process, however that ends: it leaves as soon as its stdin closes.
    """

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._starting = threading.Lock()
        self._counting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._address: Address | None = None
        self._borrowers = 0
        self._idle: threading.Timer | None = None
        atexit.register(self.stop)

    @asynccontextmanager
    async def lend(self, idle_seconds: float) -> AsyncGenerator[Address]:
        """The address of a running server, which is not stopped inside the block; started if need be.

        Raises:
            ModelError: `unavailable`, with the server's last words, when it does not start.
        """
        self._borrow()
        try:
            yield self.address or await asyncio.to_thread(self._start)
        finally:
            self._give_back(idle_seconds)

    @property
    def address(self) -> Address | None:
        """Where the server is, None when it does not run."""
        return self._address if self._process is not None and self._process.poll() is None else None

    async def has_died(self) -> bool:
        """Whether the server is gone; gives one that is just dying the time to be so."""
        return await asyncio.to_thread(self._wait_for_end, _DYING)

    def stop(self) -> None:
        """End the server now; the next request starts another."""
        with self._starting:
            self._end()

    def _borrow(self) -> None:
        with self._counting:
            self._borrowers += 1
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None

    def _give_back(self, idle_seconds: float) -> None:
        with self._counting:
            self._borrowers -= 1
            if not self._borrowers:
                self._idle = threading.Timer(idle_seconds, self._stop_if_idle)
                self._idle.daemon = True
                self._idle.start()

    def _stop_if_idle(self) -> None:
        # A request that comes between the look and the stop finds a dead server, and starts the next one.
        if not self._borrowers:
            self.stop()

    def _wait_for_end(self, seconds: float) -> bool:
        process = self._process
        if process is None:
            return True
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _start(self) -> Address:
        with self._starting:
            if (address := self.address) is not None:
                return address
            self._end()
            key = secrets.token_urlsafe(32)
            with tempfile.TemporaryFile() as log:
                self._process = process = _spawn(self._weights, log)
                port = _port_of(process, key)
                if port is None:
                    raise self._unstarted(process, log)
            self._address = Address(f"http://127.0.0.1:{port}/v1", key, process.pid)
            return self._address

    def _unstarted(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> ModelError:
        process.kill()
        code = process.wait()
        self._end()
        log.seek(max(0, log.seek(0, 2) - _LAST_WORDS))
        words = log.read().decode(errors="replace").strip() or "it said nothing"
        message = f"the local model's server did not start (exit code {code}): {words}"
        return ModelError("unavailable", message, provider="local")

    def _end(self) -> None:
        process, self._process, self._address = self._process, None, None
        if process is not None:
            _end_process(process)


def server_for(weights: Path) -> LocalServer:
    """The one server of this process for these weights."""
    path = weights.resolve()
    with _servers_lock:
        if path not in _servers:
            _servers[path] = LocalServer(path)
        return _servers[path]


async def stop_servers() -> None:
    """End every local server of this process."""
    for server in list(_servers.values()):
        await asyncio.to_thread(server.stop)


_servers: dict[Path, LocalServer] = {}
_servers_lock = threading.Lock()


def _spawn(weights: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    # The file itself and not the module, which would load the whole SDK. -P: import nothing that lies beside it.
    command = [sys.executable, "-P", str(Path(__file__).with_name("local_server.py")), str(weights)]
    return subprocess.Popen(
        command,
        env=plain_environment(beginning=_HANDED_ON),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,  # the terminal's Ctrl-C is for us
    )


def _port_of(process: subprocess.Popen[bytes], key: str) -> int | None:
    """The port that the child names once it is ready; None when it ended, or took too long and was killed."""
    alarm = threading.Timer(_READY, process.kill)
    alarm.daemon = True
    alarm.start()
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(key.encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        return None
    finally:
        alarm.cancel()
    return int(line) if line.strip().isdigit() else None


def _end_process(process: subprocess.Popen[bytes]) -> None:
    """Let the child go: a closed stdin tells it to, and a kill follows when it does not listen."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            _close(pipe)
    try:
        process.wait(_FAREWELL)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # what was buffered for a child that is gone
