"""The end of a wait: it rings once enough of what is waited for has come, or at a deadline. Knows no run."""

import asyncio
from collections.abc import Iterable
from typing import Any

from agiwo.clock import Clock, Timer


class Bell:
    """Rings when `needed` of the futures are done, or when the clock has reached `deadline` (None: never)."""

    def __init__(
        self, clock: Clock, futures: Iterable[asyncio.Future[Any]], needed: int, deadline: float | None
    ) -> None:
        self._rung: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._futures = tuple(futures)
        self._needed, self._done = needed, 0
        self._timer: Timer | None = None
        for future in self._futures:
            future.add_done_callback(self._count)
        if deadline is not None and not self.is_enough:
            if deadline <= clock.now():
                self._ring()
            else:
                self._timer = clock.call_at(deadline, self._ring)

    @property
    def is_enough(self) -> bool:
        """Whether enough has come."""
        return 0 < self._needed <= sum(future.done() for future in self._futures)

    @property
    def has_rung(self) -> bool:
        """Whether it has rung, or is about to."""
        return self._rung.done() or self.is_enough

    async def rings(self) -> None:
        """Return when it rings."""
        try:
            await self._rung
        finally:
            self.still()

    def still(self) -> None:
        """Never ring for the deadline from now on."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _count(self, future: asyncio.Future[Any]) -> None:
        self._done += 1
        if self._done == self._needed:
            self._ring()

    def _ring(self) -> None:
        if not self._rung.done():
            self._rung.set_result(None)
