"""A journal with a tape: passes everything on, keeps each append that was taken, and can refuse writes for a while."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from agiwo.errors import StorageError
from agiwo.journal.base import PROBE, Journal, Listener
from agiwo.schema.event import Event
from agiwo.schema.record import Batch, Change, Record, RunHead, Session, State
from agiwo.schema.run import RunStatus

_T = TypeVar("_T")

_QUIET = 25
"""Turns of the event loop without work at the journal after which nothing more will happen by itself."""


class Tape:
    """The `Journal` that engines are tested over.

    `taken` holds the changes of every append, in order, `loaded` the runs whose records were asked for.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.epoch, self.owner = journal.epoch, journal.owner
        self.taken: list[tuple[Change, ...]] = []
        self.loaded: list[str] = []
        self.is_refusing = self.is_unreadable = False
        self._busy = 0
        self._moves = 0
        self._moved = asyncio.Event()

    async def settle(self) -> None:
        """Return when no task waits for the journal and none of them does anything more by itself."""
        quiet, moves = 0, -1
        async with asyncio.timeout(60):
            while quiet < _QUIET:
                quiet = quiet + 1 if not self._busy and moves == self._moves else 0
                moves = self._moves
                # Who spins keeps the interpreter from the thread that reads or writes.
                await (self._next_move() if self._busy else asyncio.sleep(0))

    async def _next_move(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        """As `Journal.append`; on the tape before anybody is told, so that the tape has the order of the journal."""
        if self.is_refusing:
            raise StorageError("the disk is full")
        # Cancelling the caller does not undo an append, so it does not keep it off the tape either.
        return await asyncio.shield(asyncio.ensure_future(self._append(changes, first)))

    async def read(self, run: str, after: int = 0, limit: int = 512) -> list[Record]:
        """As `Journal.read`."""
        return await self._work(self.journal.read(run, after, limit))

    async def events(self, run: str, after: int = 0, limit: int = 512) -> list[Event]:
        """As `Journal.events`."""
        return await self._work(self.journal.events(run, after, limit))

    async def load(self, run: str, after: int = 0, limit: int | None = None) -> list[Record]:
        """As `Journal.load`."""
        if self.is_unreadable:
            raise StorageError("the disk cannot be read")
        self.loaded.append(run)
        return await self._work(self.journal.load(run, after, limit))

    async def record(self, run: str, key: str) -> Record | None:
        """As `Journal.record`."""
        return await self._work(self.journal.record(run, key))

    def watch(self, run: str, listener: Listener, *, internal: bool = False) -> Callable[[], None]:
        """As `Journal.watch`."""
        return self.journal.watch(run, listener, internal=internal)

    async def run(self, run: str) -> RunHead | None:
        """As `Journal.run`."""
        return await self._work(self.journal.run(run))

    async def runs(
        self,
        *,
        ids: Sequence[str] | None = None,
        session: str | None = None,
        agent: str | None = None,
        parent: str | None = None,
        statuses: frozenset[RunStatus] | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[RunHead]:
        """As `Journal.runs`."""
        found = self.journal.runs(
            ids=ids, session=session, agent=agent, parent=parent, statuses=statuses, before=before, limit=limit
        )
        return await self._work(found)

    async def claim(self) -> list[RunHead]:
        """As `Journal.claim`."""
        return await self._work(self.journal.claim())

    async def session(self, session: str) -> Session | None:
        """As `Journal.session`."""
        return await self._work(self.journal.session(session))

    async def sessions(self, *, agent: str | None = None, before: str | None = None, limit: int = 100) -> list[Session]:
        """As `Journal.sessions`."""
        return await self._work(self.journal.sessions(agent=agent, before=before, limit=limit))

    async def state(self, state: str) -> State | None:
        """As `Journal.state`."""
        return await self._work(self.journal.state(state))

    async def states(
        self,
        *,
        parents: Sequence[str] | None = None,
        agent: str | None = None,
        phases: Sequence[str] | None = None,
        roots: bool = False,
        before: str | None = None,
        limit: int = 100,
    ) -> list[State]:
        """As `Journal.states`."""
        found = self.journal.states(
            parents=parents, agent=agent, phases=phases, roots=roots, before=before, limit=limit
        )
        return await self._work(found)

    async def put_blob(self, data: bytes) -> str:
        """As `Journal.put_blob`."""
        return await self._work(self.journal.put_blob(data))

    async def get_blob(self, blob: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """As `Journal.get_blob`."""
        return await self._work(self.journal.get_blob(blob, offset, limit))

    async def probe(self, size: int = PROBE) -> None:
        """As `Journal.probe`."""
        if self.is_refusing:
            raise StorageError("the disk is full")
        await self._work(self.journal.probe(size))

    async def close(self) -> None:
        """As `Journal.close`."""
        await self.journal.close()

    async def _append(self, changes: tuple[Change, ...], first: Listener | None) -> list[Record]:
        records = await self._work(self.journal.append(*changes, first=first))
        self.taken.append(changes)
        return records

    async def _work(self, work: Awaitable[_T]) -> _T:
        self._busy += 1
        try:
            return await work
        finally:
            self._busy -= 1
            self._moves += 1
            self._moved.set()


def batches(changes: Iterable[Change]) -> list[Batch]:
    """What an append says of runs."""
    return [change for change in changes if isinstance(change, Batch)]
