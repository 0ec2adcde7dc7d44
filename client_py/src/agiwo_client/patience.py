"""How often and how long a daemon that went away is looked for. Knows nothing of how it is found."""

import time
from typing import Final

import anyio

_FIRST: Final = 0.05
_LONGEST: Final = 1.0
"""Seconds between tries: a restart takes some tenths of a second, and a lasting absence should cost nothing."""


class Patience:
    """Pauses between tries, each twice as long as the one before; ends some time after the last success."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.restore()

    def restore(self) -> None:
        """There was a success: begin anew."""
        self._until: float | None = None
        self._pause = _FIRST

    async def wait(self, cause: Exception) -> None:
        """Pause before the next try; raise `cause` when there has been no success for too long."""
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._seconds
        if now >= self._until:
            raise cause
        await anyio.sleep(min(self._pause, self._until - now))
        self._pause = min(self._pause * 2, _LONGEST)
