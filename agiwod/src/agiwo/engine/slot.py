"""A run's place among those that work at the same time, and the time that counts for it. Does no work."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from agiwo.engine.operation import Operation
from agiwo.engine.stopwatch import Stopwatch


class Slot:
    """One of the slots of its `pool` while the run works; a run that only waits has none, and its time stands still."""

    def __init__(self, pool: Callable[[], asyncio.Semaphore], stopwatch: Stopwatch) -> None:
        self._pool, self._stopwatch = pool, stopwatch
        self._door = asyncio.Lock()
        self._held: asyncio.Semaphore | None = None
        self._waits = self._works = 0

    async def take(self) -> None:
        """Get a slot, and count the time unless something is waited for."""
        if not self._held:
            async with self._door:
                if not self._held:
                    pool = self._pool()
                    await pool.acquire()
                    self._held = pool
        if not self._waits:
            self._stopwatch.go()

    def keep(self, taken: asyncio.Semaphore) -> None:
        """Have a slot of this pool that was taken for the run; the time does not count yet."""
        self._held = taken

    def give(self) -> None:
        """Leave the slot to another run."""
        if self._held:
            held, self._held = self._held, None
            held.release()

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Have a slot meanwhile; without a wait beside it the run keeps the slot afterwards."""
        await self.take()
        self._works += 1
        try:
            yield
        finally:
            self._works -= 1
            self._rest()

    def begin_wait(self, operation: Operation) -> None:
        """Stop to count the time, and give up the slot unless an effect needs it, until the last wait has ended."""
        operation.is_waiting = True
        self._waits += 1
        self._stopwatch.hold()
        self._rest()

    def end_wait(self, operation: Operation) -> bool:
        """Count the time again after the last wait, True then; the slot comes back with the next effect."""
        if not operation.is_waiting:
            return False
        operation.is_waiting = False
        self._waits -= 1
        if not self._waits and self._held:
            self._stopwatch.go()
        return not self._waits

    def _rest(self) -> None:
        if self._waits and not self._works:
            self.give()
