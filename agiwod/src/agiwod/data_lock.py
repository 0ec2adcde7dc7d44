"""The lock on a data directory: one daemon at a time, and the others learn its pid. Knows no daemon."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from agiwo.errors import Conflict, StorageError
from agiwo_protocol.paths import own_directory
from filelock import FileLock, Timeout

_LOOKS: Final = 100
_PAUSE: Final = 0.01
"""How often, and how many seconds apart, the lock is looked at for the pid of its holder."""


@contextmanager
def data_lock(directory: Path) -> Generator[None]:
    """Hold the directory, which is made when it is missing. The system lets go of it when the process dies.

    Raises:
        Conflict: another process holds it; the error has its pid.
        StorageError: nothing can be written there.
    """
    own_directory(directory)
    path = directory / "daemon.lock"
    lock = FileLock(path, mode=0o600, timeout=0, thread_local=False, on_acquired=_write_pid)
    try:
        lock.acquire()
    except Timeout:
        pid = _holder(path)
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


def _holder(path: Path) -> int | None:
    """The pid of the process that holds the lock; None when it does not stand there in time."""
    for _ in range(_LOOKS):
        pid = _read_pid(path)
        if pid is not None and _lives(pid):
            return pid
        time.sleep(_PAUSE)  # whoever took it last is about to write there, over what a killed one left
    return None


def _lives(pid: int) -> bool:
    if os.name != "posix":
        return True  # there, asking would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is somebody else's
    return True


def _read_pid(path: Path) -> int | None:
    text = path.read_text()
    return int(text) if text.isdigit() else None
