"""The lock file by which other processes see that the owner of runs and sessions lives. Knows no run."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock, Timeout

from agiwo.errors import Conflict

_PATIENCE = 1.0
"""Seconds to wait for a lock that somebody may be trying for a moment to see whether its owner lives."""

_OPENING = 60.0
"""Seconds that another process may take to open the database; changing the tables of a large file takes long."""


class Lease:
    """One owner's lock file beside a database: `<database>.owners/<owner>.lock`, with its pid inside.

    An owner lives as long as its lock is held; the system lets go of it when the process dies, however it dies.
    """

    def __init__(self, database: Path, owner: str) -> None:
        self.owner = owner
        self._directory = database.with_name(database.name + ".owners")
        self._lock = FileLock(self._path(owner), mode=0o600, thread_local=False, on_acquired=_write_pid)
        self._gone: set[str] = set()

    def opening(self) -> AbstractContextManager[object]:
        """Held while a process opens the database, so that only one makes it or changes its tables.

        Raises:
            OSError: it cannot be made, or another process holds it for too long.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        return FileLock(self._directory / "opening", mode=0o600, timeout=_OPENING).acquire()

    def take(self) -> None:
        """Hold the lock until `release`.

        Raises:
            Conflict: another live process holds it.
            OSError: the file cannot be made.
        """
        try:
            self._lock.acquire(timeout=_PATIENCE)
        except Timeout:
            pid = self._pid(self.owner)
            raise Conflict(f"the owner {self.owner} is another live process (pid {pid})", pid=pid) from None

    def holder(self, owner: str) -> int | None:
        """The pid of the live process that is this other owner, or None when it is gone for good."""
        if owner in self._gone:
            return None
        if self._path(owner).exists() and not self._remove_stale(owner):
            return self._pid(owner)
        self._gone.add(owner)
        return None

    def sweep(self) -> None:
        """Remove the lock files that dead processes left behind."""
        for path in self._directory.glob("*.lock"):
            if path.stem != self.owner:
                self._remove_stale(path.stem)

    def release(self) -> None:
        """Let go; from now on the owner is gone. Harmless when nothing is held."""
        if self._lock.is_locked:
            self._path(self.owner).unlink(missing_ok=True)
            self._lock.release()

    def _remove_stale(self, owner: str) -> bool:
        lock = FileLock(self._path(owner), mode=0o600, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        # Unlinked while it is held: whoever waits for it sees that the file is gone and makes a new one.
        self._path(owner).unlink(missing_ok=True)
        lock.release()
        return True

    def _path(self, owner: str) -> Path:
        return self._directory / f"{owner}.lock"

    def _pid(self, owner: str) -> int:
        text = self._path(owner).read_text() if self._path(owner).exists() else ""
        return int(text) if text.isdigit() else 0


def _write_pid(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
