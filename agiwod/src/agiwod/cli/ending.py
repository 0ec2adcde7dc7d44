"""Waits for a process to end that is not our child. Ends none."""

import os
import select
import time
from types import TracebackType

_LOOK_AGAIN = 0.05
"""Seconds between looks where the system cannot tell us by itself."""


class Ending:
    """A process in sight. Entered while it lives, so that its number cannot pass to another one unnoticed."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._handle: int | None = None

    def __enter__(self) -> "Ending":
        if hasattr(os, "pidfd_open"):
            try:
                self._handle = os.pidfd_open(self._pid)
            except OSError:
                # It has ended already, or the system is too old: looking will do.
                self._handle = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)

    def wait(self, seconds: float) -> bool:
        """Whether the process has ended, looked at for so many seconds at most."""
        if self._handle is not None:
            return bool(select.select([self._handle], [], [], seconds)[0])
        deadline = time.monotonic() + seconds
        while (is_there := self._is_there()) and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN)
        return not is_there

    def _is_there(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True
