"""Time as the engine sees it. Tests freeze it; nothing else reads the system's clock for a decision."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from agiwo.alarms import alarms_of_this_loop


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
        """Make `call` on the event loop when `now()` has reached `when`; a machine that slept then makes it at once."""
        ...

    def call_after(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Make `call` on the event loop after so many seconds in which the machine was awake."""
        ...


class SystemClock:
    """The machine's clock. A wall clock that is set back delays nothing."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def call_at(self, when: float, call: Callable[[], object]) -> Timer:
        """Make `call` on the running event loop once `when` has passed."""
        return alarms_of_this_loop().at(when, call, self.now)

    def call_after(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Make `call` on the running event loop after so many seconds, of which the machine's sleep is none."""
        return asyncio.get_running_loop().call_later(max(0.0, seconds), call)
