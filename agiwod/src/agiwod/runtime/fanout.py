"""What one client follows: a cursor for each run, pulled when there is room. Knows no wire, and keeps no event."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agiwo.engine.cursor import Cursor
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.errors import Conflict
from agiwo.schema.event import CHILD_SPAWNED, Event
from agiwo.schema.record import RunHead

_TREE_PAGE = 1000
"""Children looked up at once while a tree is gathered."""


class Sink(Protocol):
    """Where the events go."""

    @property
    def is_full(self) -> bool:
        """Whether so much waits there that events should wait here."""
        ...

    async def drained(self) -> None:
        """Return when it is not full.

        Raises:
            ConnectionError: it has ended.
        """
        ...

    def send(self, event: Event) -> None:
        """Take one event. Must not wait."""
        ...


@dataclass(slots=True, eq=False)
class _Following:
    """A run that is followed; `has_waited` when its client made it wait since it was last looked at."""

    cursor: Cursor
    is_tree: bool
    has_waited: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """Runs that are about to be followed, and where each of them stands; nothing is sent before `go`."""

    heads: Sequence[RunHead]
    _following: Sequence[_Following]
    _fanout: "Fanout"

    def go(self) -> None:
        """Begin: what was missed, then what happens."""
        for following in self._following:
            self._fanout.begin(following)


class Fanout:
    """The runs that one client follows. `run` is to be owned by the client's connection; it ends with the sink.

    A client that does not read costs one cursor a run and what its sink holds: nothing is copied for it, and it never
    slows the runs or other clients. When it reads again it gets whole items in the place of the deltas that it missed.
    """

    def __init__(self, engine: EmbeddedEngine, sink: Sink) -> None:
        self._engine, self._sink = engine, sink
        self._followed: dict[str, _Following] = {}
        self._ready: dict[str, None] = {}
        self._news = asyncio.Event()

    @property
    def runs(self) -> list[str]:
        """The runs that are followed."""
        return list(self._followed)

    async def attach(self, run: str, after: int | Mapping[str, int] = 0, *, is_tree: bool = False) -> Attachment:
        """Follow a run from `after` on, with `is_tree` its children too, each from where `after` says, else from 0.

        The attachment of a run ends with its terminal event.

        Raises:
            NotFound: there is no such run.
            CursorExpired: a run has not had that many events.
            Conflict: the run is followed already.
        """
        head = await self._engine.head(run)
        heads = [head, *(await self._below(run) if is_tree else ())]
        places = after if isinstance(after, Mapping) else {run: after}
        # A run that is over, to a reader that has all of it, has nothing left to follow.
        alive = [each for each in heads if not each.status.is_terminal or places.get(each.run, 0) != each.head]
        following = [await self._follow(each.run, places.get(each.run, 0), is_tree) for each in alive]
        if run in self._followed:
            raise Conflict(f"run {run} is followed on this connection already; detach it first")
        taken = [each for each in following if each.cursor.run not in self._followed]
        self._followed |= {each.cursor.run: each for each in taken}
        return Attachment(heads, taken, self)

    async def _below(self, run: str) -> list[RunHead]:
        """Every run that exists below `run`, parents before their children."""
        found: list[RunHead] = []
        before: str | None = None
        while page := await self._engine.journal.runs(parent=run, before=before, limit=_TREE_PAGE):
            found += page
            before = page[-1].run
        return [head for child in found for head in (child, *await self._below(child.run))]

    async def _follow(self, run: str, after: int, is_tree: bool) -> _Following:
        return _Following(await self._engine.events(run, after, self._wake), is_tree)

    def begin(self, following: _Following) -> None:
        """Let the events of a run come."""
        if self._followed.get(following.cursor.run) is following:
            self._ready[following.cursor.run] = None
            self._news.set()

    def detach(self, run: str) -> bool:
        """Send nothing more of the run; False when it was not followed."""
        self._ready.pop(run, None)
        return self._followed.pop(run, None) is not None

    def _wake(self, cursor: Cursor) -> None:
        following = self._followed.get(cursor.run)
        if following is not None and following.cursor is cursor:
            self._ready[cursor.run] = None
            self._news.set()

    async def run(self) -> None:
        """Send what comes, run by run, whenever the sink has room; return when it ends."""
        try:
            while True:
                await self._news.wait()
                await self._room()
                if self._ready:
                    run = next(iter(self._ready))
                    del self._ready[run]
                    await self._serve(self._followed[run])
                else:
                    self._news.clear()
        except ConnectionError:
            return

    async def _room(self) -> None:
        """Wait until the sink takes more; who has something to send then is behind."""
        if self._sink.is_full:
            await self._sink.drained()
            for run in self._ready:
                self._followed[run].has_waited = True

    async def _serve(self, following: _Following) -> None:
        """Send one page of a run, and put it at the end of the queue when more is waiting."""
        cursor = following.cursor
        events = await cursor.pull(lagging=following.has_waited)
        following.has_waited = False
        for event in events:
            if self._sink.is_full:  # a page may hold more than a client should have waiting
                await self._sink.drained()
                following.has_waited = True
            if self._followed.get(cursor.run) is not following:
                return
            self._sink.send(event)
            if following.is_tree and event.type == CHILD_SPAWNED:
                await self._adopt(event.data["runId"])
        if cursor.finished:
            self.detach(cursor.run)
        elif not cursor.is_caught_up:
            self.begin(following)

    async def _adopt(self, child: str) -> None:
        if child not in self._followed:
            following = self._followed[child] = await self._follow(child, 0, is_tree=True)
            self.begin(following)
