"""Calls at times of the wall clock, also when the machine slept or its clock was set meanwhile. Polls nothing."""

import asyncio
import os
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress

Now = Callable[[], float]
"""Gives the wall clock's time."""

_NEVER = 2**40
"""A time in the far future: what is waited for is that the clock jumps."""

_REALTIME, _ABSOLUTE, _CANCEL_ON_SET = 0, 1, 2
"""As Linux names them: `CLOCK_REALTIME`, `TFD_TIMER_ABSTIME`, `TFD_TIMER_CANCEL_ON_SET`."""


class Alarm:
    """A call that is made once. The machine's sleep does not delay it, and neither does a clock that is set back."""

    __slots__ = "__weakref__", "_call", "_now", "_timer", "_when"

    def __init__(self, when: float, call: Callable[[], object], now: Now) -> None:
        self._when, self._call, self._now = when, call, now
        self._timer: asyncio.TimerHandle | None = None
        self.look()

    def look(self) -> None:
        """Be due as the wall clock says now, unless that is later than before."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, self._when - self._now())
        if self._timer is None or due < self._timer.when():
            if self._timer:
                self._timer.cancel()
            self._timer = loop.call_at(due, self._ring)

    def cancel(self) -> None:
        """Do not make the call; harmless when it was made already."""
        if self._timer:
            self._timer.cancel()

    def _ring(self) -> None:
        self._call()


class Alarms:
    """The alarms of one event loop. `jumps` is readable when the wall clock has jumped, as it does after a sleep."""

    def __init__(self, jumps: int | None) -> None:
        # Weak, as the loop keeps them until they are due: what lasts as long as a loop must not keep it in turn.
        self._alarms: weakref.WeakSet[Alarm] = weakref.WeakSet()
        if jumps is not None:
            asyncio.get_running_loop().add_reader(jumps, self._jumped, jumps)

    def at(self, when: float, call: Callable[[], object], now: Now) -> Alarm:
        """Make the call when `now()` has reached `when`."""
        alarm = Alarm(when, call, now)
        self._alarms.add(alarm)
        return alarm

    def _jumped(self, jumps: int) -> None:
        with suppress(OSError):  # that the timer was cancelled is the news
            os.read(jumps, 8)
        for alarm in list(self._alarms):
            alarm.look()


_of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Alarms] = weakref.WeakKeyDictionary()


def alarms_of_this_loop() -> Alarms:
    """The alarms of the event loop that is running."""
    loop = asyncio.get_running_loop()
    if (alarms := _of_loops.get(loop)) is None:
        jumps = open_jumps()
        alarms = _of_loops[loop] = Alarms(jumps)
        if jumps is not None:
            weakref.finalize(loop, os.close, jumps)
    return alarms


def open_jumps() -> int | None:
    """A descriptor that is readable whenever the wall clock has jumped; None where the system has no such thing."""
    if sys.platform != "linux" or sys.maxsize < _NEVER:
        return None
    import ctypes

    system = ctypes.CDLL(None, use_errno=True)
    far = (ctypes.c_long * 4)(0, 0, _NEVER, 0)  # no interval, and that many seconds
    timer: int = system.timerfd_create(_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC)
    if timer < 0:
        return None
    if system.timerfd_settime(timer, _ABSOLUTE | _CANCEL_ON_SET, far, None) < 0:
        os.close(timer)
        return None
    return timer
