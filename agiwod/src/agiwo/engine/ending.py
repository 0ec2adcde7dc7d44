"""The end of a run as somebody waits for it. Knows nothing of who waits, or how long."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from agiwo.engine.terminal import result_of
from agiwo.errors import Conflict, NotFound
from agiwo.journal.base import Listener
from agiwo.schema.event import TERMINAL_EVENTS
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import RunResult

_LATEST: Final = 256
"""Ends that are kept in memory."""


class Runs(Protocol):
    """What is asked of a journal about the ends of runs."""

    @property
    def owner(self) -> str:
        """As `Journal.owner`."""
        ...

    def watch(self, run: str, listener: Listener) -> Callable[[], None]:
        """As `Journal.watch`; who tells of nothing but ends will do."""
        ...

    async def run(self, run: str) -> RunHead | None:
        """As `Journal.run`."""
        ...

    async def read(self, run: str, after: int = 0, limit: int = 512) -> list[Record]:
        """As `Journal.read`."""
        ...


class Ends:
    """How the latest runs ended: who waits for one asks soon after it, and need not read it."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[RunHead, Record]] = {}

    def note(self, head: RunHead, last: Record) -> None:
        """Take up the terminal record of a run."""
        self._latest[head.run] = head, last
        if len(self._latest) > _LATEST:
            del self._latest[next(iter(self._latest))]

    def of(self, run: str) -> tuple[RunHead, Record] | None:
        """The run's index entry and its terminal record, if it is one of the latest."""
        return self._latest.get(run)


class Ending:
    """Watches one run until it is closed; `over` is done once the run has ended, looked at or seen."""

    def __init__(self, journal: Runs, ends: Ends, run: str) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._journal, self._ends, self._run = journal, ends, run
        self._head: RunHead | None = None
        self._last: Record | None = None
        self._unwatch = journal.watch(run, self._see)

    async def look(self) -> None:
        """Return when it is known whether the run is over already.

        Raises:
            NotFound: no such run.
        """
        if not self._ends.of(self._run):
            await asyncio.sleep(0)  # who has just seen the end may come before its driver, which notes it in this turn
        if known := self._ends.of(self._run):
            self._head, self._last = known
            self._settle()
            return
        self._head = await self._journal.run(self._run)
        if self._head is None:
            raise NotFound("run", self._run)
        if self._head.status.is_terminal:
            self._settle()

    def refuse_foreign(self) -> None:
        """Return unless the run goes on elsewhere.

        Raises:
            Conflict: another process drives it, so its end would never be seen here.
        """
        if self._head and not self.over.done() and self._head.owner != self._journal.owner:
            raise Conflict(f"run {self._run} is driven by another process, which alone sees its end")

    async def result(self) -> RunResult:
        """How the run ended, once it has.

        Raises:
            NotFound: its session was deleted since.
            Conflict: the engine was closed before that.
        """
        await self.over
        assert self._head
        if self._last is None:
            found = await self._journal.read(self._run, self._head.head - 1, 1)
            if not found:
                raise NotFound("run", self._run)
            self._last = found[0]
        return result_of(self._head, self._last)

    def give_up(self) -> None:
        """Let who waits know that this process will not see the end."""
        if not self.over.done():
            self.over.set_exception(Conflict(f"the engine was closed before run {self._run} had ended"))

    def close(self) -> None:
        """Watch no longer."""
        self._unwatch()

    def _see(self, records: Sequence[Record]) -> None:
        if records[-1].type in TERMINAL_EVENTS:
            self._last = records[-1]
            self._settle()

    def _settle(self) -> None:
        if not self.over.done():
            self.over.set_result(None)
