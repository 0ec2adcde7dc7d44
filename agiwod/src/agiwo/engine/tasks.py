"""The tasks of an engine: each has an owner until it is done. Knows nothing of what they do."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

FAREWELL = 1.0
"""Seconds that everything has to end when the engine closes; what ignores that must not hold it up."""

_T = TypeVar("_T")


class Tasks:
    """Keeps tasks alive until they are done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, _T], name: str) -> asyncio.Task[_T]:
        """Begin some work, and own it."""
        task = asyncio.create_task(work, name=name)
        self.keep(task)
        return task

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Own a task that has begun elsewhere."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Ask all of them to end."""
        for task in self._tasks:
            task.cancel()

    async def wait(self) -> None:
        """Return when all have ended, or after `FAREWELL` seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FAREWELL)
