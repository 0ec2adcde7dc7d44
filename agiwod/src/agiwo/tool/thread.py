"""A call in a thread of its own, for what blocks. Not a pool: a call that hangs must hold nobody's place."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """What `call` gives. The thread is a daemon: one that hangs does not hold the end of the process either.

    On cancel the caller is free at once; the thread goes on to its end, and what it gives is dropped.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[T | None, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()

    def deliver(outcome: tuple[T | None, BaseException | None]) -> None:
        if not future.done():
            future.set_result(outcome)

    def run() -> None:
        # A pair and not an exception of the future, which refuses StopIteration and would never be done.
        try:
            outcome = (context.run(call), None)
        except BaseException as error:
            outcome = (None, error)
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(deliver, outcome)

    threading.Thread(target=run, name=f"tool {getattr(call, '__name__', '')}".strip(), daemon=True).start()
    value, error = await future
    if error is not None:
        raise error
    return value  # pyright: ignore[reportReturnType] - None only beside an error, or when T allows it
