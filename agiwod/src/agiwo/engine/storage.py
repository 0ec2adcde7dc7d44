"""Commits that outlast a store that refuses for a while. Knows nothing of what is committed."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from agiwo.engine.ending import Runs
from agiwo.errors import StorageError
from agiwo.journal.base import Journal, Listener
from agiwo.schema.record import Change, Record

_PROBE = (0.2, 5.0)
"""Seconds between probes of a store that refuses: the first, and the most they grow to."""

log = logging.getLogger(__name__)


class Writes(Protocol):
    """What a run needs of a store: it takes what it is given, however long that takes."""

    @property
    def journal(self) -> Runs:
        """Where the ends of other runs are seen."""
        ...

    async def append(self, *changes: Change) -> list[Record]:
        """As `Journal.append`, and no `StorageError`."""
        ...

    async def put_blob(self, data: bytes) -> str:
        """As `Journal.put_blob`, and no `StorageError`."""
        ...


class Storage:
    """The journal as runs write to it: a refused commit waits until the store takes writes again, then is made.

    Nothing of a refused commit was recorded, so making it later is the same as having made it then; a result that is
    waiting for its record is not lost and its effect not run again. `on_commit` is told how many seconds a commit took.
    """

    def __init__(self, journal: Journal, on_change: Callable[[str | None], None]) -> None:
        self.journal = journal
        self.trouble: str | None = None
        self._on_change = on_change
        self.on_commit: Callable[[float], object] = _nobody_counts
        self._well = asyncio.Event()
        self._well.set()
        self._ill = asyncio.Event()
        self._prober: asyncio.Task[None] | None = None

    async def append(self, *changes: Change) -> list[Record]:
        """Append, however long the store refuses; cancelling gives up the append if it was not made."""
        while True:
            await self._well.wait()
            try:
                return await self._commit(changes)
            except StorageError as error:
                self.refused(error)

    async def put_blob(self, data: bytes) -> str:
        """Keep the bytes, however long the store refuses, and give their name."""
        while True:
            await self._well.wait()
            try:
                return await self.journal.put_blob(data)
            except StorageError as error:
                self.refused(error)

    async def append_now(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        """Append, or raise `StorageError` while the store refuses. `first` is as for `Journal.append`."""
        if self.trouble is not None:
            raise StorageError(self.trouble)
        try:
            return await self._commit(changes, first)
        except StorageError as error:
            self.refused(error)
            raise

    async def _commit(self, changes: Sequence[Change], first: Listener | None = None) -> list[Record]:
        began = time.perf_counter()
        records = await self.journal.append(*changes, first=first)
        self.on_commit(time.perf_counter() - began)
        return records

    async def well(self) -> None:
        """Return when the store takes writes."""
        await self._well.wait()

    async def done(self, work: asyncio.Task[Any]) -> None:
        """Return when `work` is done; it goes on when this raises.

        Raises:
            StorageError: the store refuses, and `work` waits until it does not.
        """
        trouble = asyncio.create_task(self._ill.wait())
        try:
            await asyncio.wait({work, trouble}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            trouble.cancel()
        if not work.done():
            raise StorageError(self.trouble or "the store refuses writes")

    def refused(self, error: StorageError) -> None:
        """Hold appends back from now on, until a probe says that the store takes them."""
        if self.trouble is None:
            log.error("the store refuses writes; runs are suspended until it takes them again: %s", error)
            self.trouble = str(error)
            self._well.clear()
            self._ill.set()
            self._prober = asyncio.create_task(self._probe(), name="storage-probe")
            self._on_change(self.trouble)

    async def _probe(self) -> None:
        pause = _PROBE[0]
        while True:
            await asyncio.sleep(pause)
            try:
                await self.journal.probe()
                break
            except StorageError:
                pause = min(2 * pause, _PROBE[1])
        log.warning("the store takes writes again; runs go on")
        self.trouble = None
        self._ill.clear()
        self._well.set()
        self._on_change(None)

    async def close(self) -> None:
        """Stop probing."""
        if self._prober:
            self._prober.cancel()
            await asyncio.gather(self._prober, return_exceptions=True)


def _nobody_counts(seconds: float) -> None: ...
