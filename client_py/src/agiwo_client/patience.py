"""How often and how long a daemon that went away is looked for. Knows nothing of how it is found."""

import random
import time
from typing import Final

import anyio
from agiwo_protocol.errors import Overloaded

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

    async def wait(self, cause: Exception, at_least: float = 0.0) -> None:
        """Pause before the next try, `at_least` so long; raise `cause` when there has been no success for too long.

        No two pause for the same time, so that those who were refused together do not come again together.
        """
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._seconds
        if now >= self._until:
            raise cause
        pause = max(self._pause, at_least) * random.uniform(1, 1.5)
        await anyio.sleep(min(pause, self._until - now))
        self._pause = min(self._pause * 2, _LONGEST)


def pause_after(error: Exception) -> float:
    """Seconds that the daemon asks to wait before the same is asked again; 0 where it does not say."""
    asked = error.data.get("retryAfterMs") if isinstance(error, Overloaded) else None
    return asked / 1000 if isinstance(asked, int | float) else 0.0
