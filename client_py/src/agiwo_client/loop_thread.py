"""An event loop in a thread of its own, for callers that do not await. Knows no daemon."""

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

T = TypeVar("T")

_FAREWELL: Final = 10.0
"""Seconds in which the thread has to end; what is wedged in it must not hold up the program."""


class LoopThread:
    """Runs coroutines for other threads, until it is closed, or nobody has it any more, or the program ends.

    `farewell` is what it does last. The thread does not keep the process alive.
    """

    def __init__(self, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self._loop, farewell), name="agiwo-client", daemon=True)
        self._thread.start()
        self.close = weakref.finalize(self, _end, self._loop, self._thread)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What the coroutine gives. What interrupts the caller, such as Ctrl-C, cancels it.

        Raises:
            RuntimeError: the thread was closed, or it is the caller's own, which would wait for itself.
        """
        if not self.close.alive or threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("the client is closed" if not self.close.alive else "an async callback has to await")
        called: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return called.result()
        except BaseException:
            called.cancel()
            raise


def _run(loop: asyncio.AbstractEventLoop, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        loop.run_forever()
        runner.run(farewell())


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    # Garbage is collected by any thread, also by this one.
    if threading.current_thread() is not thread:
        thread.join(_FAREWELL)
