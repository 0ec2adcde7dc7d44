"""A signal that work should end, for tools that cannot be cancelled as tasks. Not how the engine cancels."""

import asyncio


class AbortSignal:
    """Tells a tool that its run was cancelled, and why."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason: str | None = None

    def abort(self, reason: str = "Operation cancelled") -> None:
        """Raise the signal. The first reason stays."""
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    def is_aborted(self) -> bool:
        """Whether the signal was raised."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return once the signal is raised."""
        await self._event.wait()

    def reset(self) -> None:
        """Make the signal usable again."""
        self._event.clear()
        self.reason = None
