"""How listeners hear of what other processes append to a MongoDB journal. Commits nothing."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from agiwo.errors import StorageError
from agiwo.journal.listeners import call
from agiwo.journal.mongo_records import MongoRecords
from agiwo.journal.mongo_server import MongoServer, begin_task, end_task
from agiwo.journal.mongo_stream import MongoStream
from agiwo.journal.shared_listeners import SharedListeners
from agiwo.schema.record import RunHead

_PAGE: Final = 512
"""Records that are read at once."""

_PAUSE: Final = 0.1
"""Seconds before the store is asked again that refused, or did not have yet what its stream had told."""

_DELETED: Final = 5.0
"""Seconds after which a record that the stream has told and the store does not have is taken for deleted."""

_GAP: Final = 1.0
"""Seconds for which an append waits for what others appended before it."""

_CONNECTIONS: Final = 3
"""Connections beside that of the stream which are there from the beginning."""

_OVERLAP: Final = 60.0
"""Seconds by which the clocks of two machines may differ."""

RunListener = Callable[[RunHead], None]
"""Gets a new run, as it was when it was made, on the event loop. Must not raise and must not wait."""

logger = logging.getLogger(__name__)


class MongoNews:
    """The listeners of this process, and the tasks that bring them what others append.

    The change stream only rings: it says that a run has so many records. What listeners have not heard of is then read
    from the store, so nothing is heard twice or left out however the stream broke.
    """

    def __init__(self, server: MongoServer, records: MongoRecords) -> None:
        self.listeners = SharedListeners()
        self._server, self._records = server, records
        self._stream = MongoStream(server, self.listeners.note, self._tell_all, self._lose)
        self._everybody: list[RunListener] = []
        self._newest = time.time()
        self._is_lost = False
        self._placed = asyncio.Event()
        self._own: frozenset[str] = frozenset()
        self._missed_since: dict[str, float] = {}
        self._work: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Hear of all that is appended from now on, until `close`."""
        await self._stream.open()
        works = {"stream": self._stream.listen, "places": self._place_on, "reading": self._read_on}
        self._work = [begin_task(work(), f"news: {name}") for name, work in works.items()]
        # Who begins to listen is to have its place at once, and does not wait for a connection to be made for that.
        await asyncio.gather(*(self._records.lengths(()) for _ in range(_CONNECTIONS)))

    async def close(self) -> None:
        """Hear no more. Harmless when nothing was opened."""
        for task in self._work:
            await end_task(task)

    def watch_all(self, listener: RunListener) -> Callable[[], None]:
        """Tell `listener` of each new run, whoever made it."""
        self._everybody.append(listener)
        return lambda: self._everybody.remove(listener) if listener in self._everybody else None

    async def placed(self) -> None:
        """Return when it is settled what each present listener is to hear; who reads after this misses nothing.

        Raises:
            StorageError: the server does not tell.
        """
        waiting = self.listeners.unplaced()
        try:
            async with asyncio.timeout(self._server.patience):
                while any(ear.place is None for ear in waiting):
                    await self._placed.wait()
        except TimeoutError:
            raise StorageError(f"the MongoDB database {self._server.place} does not answer") from None

    def begin(self, runs: Iterable[str]) -> None:
        """We append to these runs: what the stream tells of them before the server's answer is there, it will say."""
        self._own = frozenset(runs)

    def end(self) -> None:
        """What we appended has been told."""
        self._own = frozenset()
        if self.listeners.behind():
            self.listeners.is_behind.set()

    async def close_gaps(self, firsts: Mapping[str, int]) -> None:
        """Let listeners hear what others appended before these records of ours, by run, which are about to be told.

        Only if there is anything does it ask the store. When that does not answer, they hear it later, with ours.
        """
        try:
            async with asyncio.timeout(_GAP):
                await self.placed()
                for run, first in firsts.items():
                    self.listeners.begin(run, first)
                    if (place := self.listeners.heard(run)) < first - 1:
                        self.listeners.hear(run, await self._records.after(run, place, _PAGE))
        except (StorageError, TimeoutError) as error:
            logger.debug("listeners have to wait for what others appended: %s", error)

    async def _place_on(self) -> None:
        while True:
            await self.listeners.has_new.wait()
            self.listeners.has_new.clear()
            is_lost, self._is_lost = self._is_lost, False
            try:
                await (self._count_again() if is_lost else self._place())
            except StorageError as error:
                logger.debug("nobody says how many records there are: %s", error)
                self._is_lost = self._is_lost or is_lost
                self.listeners.has_new.set()
                await asyncio.sleep(_PAUSE)

    async def _place(self) -> None:
        ears = self.listeners.unplaced()
        if ears:
            self.listeners.place(ears, await self._records.lengths({ear.run for ear in ears}))
        self._placed.set()
        self._placed = asyncio.Event()

    def _lose(self) -> None:
        self._is_lost = True
        self.listeners.has_new.set()

    async def _count_again(self) -> None:
        """Find out what the stream has not told."""
        await self._place()
        for run, length in (await self._records.lengths(self.listeners.runs())).items():
            self.listeners.note(run, length)
        if self._everybody:
            for head in await self._records.runs_since(self._newest - _OVERLAP):
                self._tell_all(head)

    def _tell_all(self, head: RunHead) -> None:
        self._newest = max(self._newest, head.created_at)
        for listener in tuple(self._everybody):
            call(listener, head)

    async def _read_on(self) -> None:
        while True:
            await self.listeners.is_behind.wait()
            self.listeners.is_behind.clear()
            while runs := [run for run in self.listeners.behind() if run not in self._own]:
                try:
                    moved = [await self._read(run) for run in runs]
                except StorageError as error:
                    logger.debug("what others appended cannot be read: %s", error)
                    moved = []
                if not any(moved):
                    await asyncio.sleep(_PAUSE)

    async def _read(self, run: str) -> bool:
        """Let listeners hear what the store has; whether it had anything."""
        records = await self._records.after(run, self.listeners.heard(run), _PAGE)
        if run in self._own:
            return True  # we append there by now, and that is told first to who has heard nothing yet
        self.listeners.hear(run, records)
        if records:
            self._missed_since.pop(run, None)
            return True
        now = asyncio.get_running_loop().time()
        if now - self._missed_since.setdefault(run, now) > _DELETED:
            del self._missed_since[run]
            self.listeners.give_up(run)
        return False
