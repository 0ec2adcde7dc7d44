"""The lock on a data directory: one daemon at a time, and the others learn its pid. Knows no daemon."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from agiwo.errors import Conflict, StorageError
from agiwo_protocol.paths import own_directory
from filelock import FileLock, Timeout


@contextmanager
def data_lock(directory: Path) -> Generator[None]:
    """Hold the directory, which is made when it is missing. The system lets go of it when the process dies.

    Raises:
        Conflict: another process holds it; the error has its pid.
    """
    own_directory(directory)
    path = directory / "daemon.lock"
    lock = FileLock(path, mode=0o600, timeout=0, thread_local=False, on_acquired=_write_pid)
    try:
        lock.acquire()
    except Timeout:
        pid = _read_pid(path)
        raise Conflict(f"another daemon (pid {pid or 'unknown'}) uses {directory}", pid=pid) from None
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        # A pid that stands in a lock that nobody holds is then the mark of a process that was killed.
        with suppress(OSError):
            path.write_text("")
        lock.release()


def _write_pid(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _read_pid(path: Path) -> int | None:
    text = path.read_text()
    return int(text) if text.isdigit() else None
