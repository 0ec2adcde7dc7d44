"""So that a daemon's store does not grow for ever: what the settings do not keep is forgotten. Opens nothing."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from agiwo.clock import Clock
from agiwo.errors import AgiwoError
from agiwo.journal.care import Store
from agiwo.journal.pruning import Retention, prune

_PAUSE: Final = 3600.0
"""Seconds between looks: what is a day old may as well be a day and an hour old."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def forgetting(store: Store, retention: Retention, clock: Clock) -> AsyncGenerator[None]:
    """Forget at once and then every hour what the rule does not keep, while the context lasts."""
    if not retention:
        yield
        return
    task = asyncio.create_task(_forget(store, retention, clock), name="retention")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _forget(store: Store, retention: Retention, clock: Clock) -> None:
    while True:
        try:
            gone = await prune(store, retention, clock.now())
        except AgiwoError as error:
            log.warning("what is no longer kept cannot be forgotten now: %s", error)
        else:
            if gone.runs:
                log.info("runs were forgotten", extra={"runs": gone.runs, "sessions": gone.sessions})
        await asyncio.sleep(_PAUSE)
