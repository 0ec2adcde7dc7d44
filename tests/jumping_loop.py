"""An event loop that jumps over every wait, and counts its turns. Its sockets are real; it is for one thread alone.

Its time is made of work and of what was jumped over, so that a busy machine makes nothing take longer.
"""

import asyncio
import selectors
import time
from collections.abc import Callable
from typing import Any

_MOMENT = 0.001
"""Seconds of real time in which what was written to a socket of this machine has come out at its other end."""

_LONG = 0.1
"""Seconds of a wait that may be somebody's deadline: before such a jump the sockets are given that moment."""

Ready = list[tuple[selectors.SelectorKey, int]]


class _Turns(selectors.DefaultSelector):
    """Is asked once a turn what has come, and for how long the loop would wait for it."""

    def __init__(self, begin: Callable[[], None]) -> None:
        super().__init__()
        self._begin = begin
        self.jumped = 0.0

    def select(self, timeout: float | None = None) -> Ready:
        self._begin()
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if timeout is None or timeout > _LONG:
            found = super().select(timeout and _MOMENT)
        if not found and timeout is not None:
            self.jumped += timeout
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    """Where nothing happens before the next timer, it is that time at once. `turns` counts its turns so far."""

    def __init__(self) -> None:
        self._selector_of_turns = _Turns(self._turn)
        super().__init__(self._selector_of_turns)
        self.turns = 0
        self._due: tuple[int, Callable[[], Any]] | None = None

    def time(self) -> float:
        """The loop's time: for how long its thread has had the processor, and what was jumped over."""
        return time.thread_time() + self._selector_of_turns.jumped

    def call_in_turn(self, turns: int, call: Callable[[], Any]) -> None:
        """Make a call once so many turns have begun from now on; a call that was due before is forgotten."""
        self._due = self.turns + turns, call

    def forget(self) -> None:
        """Do not make that call."""
        self._due = None

    def _turn(self) -> None:
        self.turns += 1
        if self._due is not None and self.turns >= self._due[0]:
            call, self._due = self._due[1], None
            self.call_soon(call)
