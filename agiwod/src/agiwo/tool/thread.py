"""A call in a thread, for what blocks. Not a pool: a call that hangs must hold nobody's place."""

import asyncio
import contextlib
import contextvars
import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

T = TypeVar("T")

_Outcome = tuple[Any, BaseException | None]
# A pair and not an exception of a future, which refuses StopIteration and would never be done.

_PATIENCE: Final = 1.0
"""Seconds for which a thread without a call waits for the next one: to start a thread costs more than most calls."""


async def in_thread(call: Callable[[], T]) -> T:
    """What `call` gives. The thread is a daemon: one that hangs does not hold the end of the process either.

    On cancel the caller is free at once; the thread goes on to its end, and what it gives is dropped.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Outcome] = loop.create_future()
    context = contextvars.copy_context()

    def deliver(outcome: _Outcome) -> None:
        if not future.done():
            future.set_result(outcome)

    def tell(outcome: _Outcome) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(deliver, outcome)

    _free_thread().calls.put((lambda: context.run(call), tell))
    value, error = await future
    if error is not None:
        raise error
    return value


class _Thread:
    """Does one call after another, and ends when none has come for a while."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[tuple[Callable[[], Any], Callable[[_Outcome], None]]] = SimpleQueue()
        threading.Thread(target=self._work, name="blocking call", daemon=True).start()

    def _work(self) -> None:
        while self._does_one():
            pass

    def _does_one(self) -> bool:
        try:
            call, tell = self.calls.get(timeout=_PATIENCE)
        except Empty:
            with contextlib.suppress(ValueError):
                _free.remove(self)
                return False
            return True  # somebody has just taken this thread, and its call is on its way
        try:
            outcome = (call(), None)
        except BaseException as error:
            outcome = (None, error)
        _free.append(self)  # before it is told: who makes one call after another needs no second thread
        tell(outcome)
        return True


_free: list[_Thread] = []


def _free_thread() -> _Thread:
    try:
        return _free.pop()
    except IndexError:
        return _Thread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free.clear)  # a forked process has the list, and none of the threads
