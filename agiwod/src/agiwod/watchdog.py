"""Tells systemd again and again that all is well, as long as it is: the loop turns, and the store answers."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

from agiwo.errors import StorageError

from agiwod.notify import Notify

_WORD: Final = 64
"""Bytes that are written to see whether the disk still takes any."""


class Probed(Protocol):
    """A store of which it can be found out whether it still answers."""

    async def probe(self, size: int) -> None:
        """Make one durable write of so many bytes.

        Raises:
            StorageError: the store refuses.
        """
        ...


@asynccontextmanager
async def watched(notify: Notify, store: Probed) -> AsyncGenerator[None]:
    """Have the watchdog told inside the block, twice in the time that it waits; nothing where there is none."""
    if notify.patience is None:
        yield
        return
    telling = asyncio.create_task(_tell(notify, store, notify.patience / 2), name="watchdog")
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _tell(notify: Notify, store: Probed, pause: float) -> None:
    while True:
        # A store that refuses has answered: runs wait for it, and would gain nothing by another daemon.
        with suppress(StorageError):
            await store.probe(_WORD)
        notify.alive()
        await asyncio.sleep(pause)
