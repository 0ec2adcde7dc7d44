"""How long an event loop does nothing for others, in processor time: a busy machine makes it no longer.

A slow one does, so that it is held against work that the same test has done on the same machine.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager


class Pause:
    """The processor time of this process, all its threads, between two turns of the running loop: the most so far."""

    seconds = 0.0

    def __init__(self) -> None:
        self._looked = time.process_time()
        self._look()

    def _look(self) -> None:
        """Look now, and again in a millisecond, or as soon as the loop has the time."""
        now = time.process_time()
        self.seconds, self._looked = max(self.seconds, now - self._looked), now
        self._next = asyncio.get_running_loop().call_later(0.001, self._look)

    def end(self) -> None:
        """Look once more, and then no more."""
        self._next.cancel()
        self._look()
        self._next.cancel()


@contextmanager
def longest_pause() -> Generator[Pause]:
    """The longest pause of the event loop meanwhile. Garbage waits: to collect it takes what all other tests left."""
    gc.collect()
    gc.disable()
    try:
        pause = Pause()
        yield pause
        pause.end()
    finally:
        gc.enable()


def effort(work: Callable[[], object]) -> float:
    """The seconds of processor time that this machine needs for the work."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun
