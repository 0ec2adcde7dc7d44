"""New runs: recorded together with their session and what else belongs to them, then taken on. Ends none."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from agiwo import ids
from agiwo.clock import Clock
from agiwo.durable import Programs
from agiwo.engine.births import Births
from agiwo.engine.cursor import Cursor
from agiwo.engine.driver import Driver
from agiwo.engine.execution import Execution
from agiwo.engine.feed import Feed
from agiwo.engine.feeds import Feeds
from agiwo.engine.place import Place
from agiwo.engine.redact import Redactor
from agiwo.engine.spawning import Spawning
from agiwo.engine.storage import Storage
from agiwo.engine.tasks import Tasks
from agiwo.errors import Conflict
from agiwo.schema.record import Batch, Record, RunHead, StateChange
from agiwo.schema.run import RunSpec

Read = Callable[[str], Awaitable[Cursor]]
"""Gives a reader of a run that is recorded."""


class Intake:
    """Where runs begin, those that are submitted and those that other runs spawn."""

    def __init__(
        self,
        programs: Programs,
        storage: Storage,
        clock: Clock,
        redactor: Redactor,
        tasks: Tasks,
        feeds: Feeds,
        driver: Driver,
        read: Read,
    ) -> None:
        self._storage, self._clock = storage, clock
        self._tasks, self._feeds, self._driver, self._read = tasks, feeds, driver, read
        self._journal = storage.journal
        self._births = Births(self._journal, programs, clock, redactor)
        self.spawning = Spawning(self._journal, self._births, clock, self._above, self._admit_child)
        self._submits: dict[str, asyncio.Task[Cursor]] = {}

    @property
    def coming(self) -> int:
        """How many runs are just being recorded."""
        return len(self._submits)

    # Runs that are submitted

    async def start(
        self, spec: RunSpec, run: str | None, changes: Sequence[StateChange], *, is_new: bool = False
    ) -> Cursor:
        """As `EmbeddedEngine.start`."""
        id = run or ids.fresh("run")
        if run and not is_new and await self._journal.run(run):
            return await self._read(run)
        submit = self._submits[id] = self._tasks.start(self._submit(id, spec, changes), f"{id} submit")
        submit.add_done_callback(lambda done: self._submits.pop(id, None))
        # A caller that goes away in the middle must not leave a run that is recorded and that nobody drives.
        await asyncio.wait({submit})
        if submit.cancelled():
            raise Conflict("the engine was closed before the run was recorded")
        return submit.result()

    async def settled(self, run: str) -> None:
        """Return when the run is recorded or refused, if it is being submitted."""
        if submit := self._submits.get(run):
            await asyncio.wait({submit})

    async def _submit(self, id: str, spec: RunSpec, changes: Sequence[StateChange]) -> Cursor:
        spec = self._births.without_secrets(spec)
        async with self._driver.place(id, spec) as place:
            try:
                return await self._record(id, spec, changes, place)
            except Conflict:
                if await self._journal.run(id):
                    return await self._read(id)
                raise

    async def _record(self, id: str, spec: RunSpec, changes: Sequence[StateChange], place: Place) -> Cursor:
        """Record a run, and take it on in the moment in which it is recorded, before anybody hears of it."""
        cursors: list[Cursor] = []

        def take_on(records: Sequence[Record]) -> None:
            if batch.create and not self._driver.is_closing:
                own = [record for record in records if record.run == id]
                cursors.append(self._take_on(batch.create, spec, own, self._feeds.early(id), place))

        batch, session = await self._births.new(id, spec, starts=place.pool is not None)
        try:
            await self._storage.append_now(*session, batch, *changes, first=take_on)
        finally:
            self._births.settled(spec)
        if not cursors:
            raise Conflict("the engine was closed while the run was recorded")
        return cursors[0]

    def _take_on(
        self, head: RunHead, spec: RunSpec, records: Sequence[Record], feed: Feed, place: Place | None = None
    ) -> Cursor:
        """Take on a new run; gives a reader of it that is there before anything happens."""
        cursor = Cursor(feed, self._journal, self._clock.now)
        self._driver.lineage.join(head.run, spec.parent)
        self._driver.take_on(head, spec, records, feed, place)
        return cursor

    async def _admit_child(self, batch: Batch, spec: RunSpec) -> None:
        assert batch.create
        records, feed = await self._journal.load(batch.run), self._feeds.early(batch.run)
        feed.catch_up(1)
        self._take_on(replace(batch.create, head=1), spec, records, feed)

    def _above(self, execution: Execution) -> list[tuple[str, str]]:
        return [(run, self._driver.session(run)) for run in self._driver.lineage.upwards(execution.id)]
