"""Time as the engine sees it. Tests freeze it; nothing else reads the system's clock for a decision."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Do not make the call; harmless when it was made already."""
        ...


class Clock(Protocol):
    """Wall time for records, and timers for waits."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def call_at(self, when: float, call: Callable[[], object]) -> Timer:
        """Make `call` on the event loop when `now()` has reached `when`."""
        ...


class SystemClock:
    """The machine's clock. Timers follow the monotonic clock, so a jump of the wall clock delays none."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def call_at(self, when: float, call: Callable[[], object]) -> Timer:
        """Make `call` on the running event loop once `when` has passed."""
        return asyncio.get_running_loop().call_later(max(0.0, when - time.time()), call)
