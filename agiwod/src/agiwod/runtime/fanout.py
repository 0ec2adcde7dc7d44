"""What one client follows: a cursor for each run, pulled when there is room. Knows no wire, and keeps no event."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from agiwo.engine.cursor import Cursor
from agiwo.engine.serving import ServingEngine
from agiwo.errors import Conflict
from agiwo.schema.event import CHILD_SPAWNED, Event
from agiwo.schema.record import RunHead

from agiwod.runtime.beat import next_beat, until
from agiwod.runtime.errors import TooMuch

_TREE_PAGE = 1000
"""Children looked up at once while a tree is gathered."""


_MOST: Final = 4096
"""Runs that one client follows, unless told otherwise: each costs a position."""


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


@dataclass(frozen=True, slots=True, eq=False)
class _Tree:
    """A run that is followed with all below it: those that were found so far, also if there was nothing to send."""

    root: str
    runs: set[str]


@dataclass(slots=True, eq=False)
class _Following:
    """A run that is followed, perhaps as part of a tree.

    `has_waited` when its client made it wait since it was last looked at.
    """

    cursor: Cursor
    tree: _Tree | None
    has_waited: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """Runs that are about to be followed, the one that was asked for first; nothing is sent before `go`."""

    heads: Sequence[RunHead]
    go: Callable[[], None]


class Fanout:
    """The runs that one client follows. `run` is to be owned by the client's connection; it ends with the sink.

    What comes after a pause is sent at once, and what follows it at the next beat, which is the same for all clients.

    A client that does not read costs one cursor a run and what its sink holds: nothing is copied for it, and it never
    slows the runs or other clients. When it reads again it gets whole items in the place of the deltas that it missed.
    `on_follow` is told of each run that it begins with. It begins with no more than `most` runs, but for those that
    come to be in a tree that it follows.
    """

    def __init__(
        self,
        engine: ServingEngine,
        sink: Sink,
        on_follow: Callable[[str], None] = lambda run: None,
        *,
        most: int = _MOST,
    ) -> None:
        self._engine, self._sink, self._on_follow, self._most = engine, sink, on_follow, most
        self._followed: dict[str, _Following] = {}
        self._ready: dict[str, None] = {}
        self._news = asyncio.Event()
        self._rest = asyncio.Event()
        self._rest.set()

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs that are followed, those below others included."""
        return tuple(self._followed)

    @property
    def lag(self) -> int:
        """How many durable events of these runs are yet to be sent."""
        return sum(max(0, each.cursor.head - each.cursor.seq) for each in self._followed.values())

    def follows(self, run: str) -> bool:
        """Whether the run is followed."""
        return run in self._followed

    def check_room(self, more: int = 1) -> None:
        """Return when so many more runs can be followed.

        Raises:
            TooMuch: they cannot.
        """
        if len(self._followed) + more > self._most:
            raise TooMuch("attachments", self._most, "detach some, or follow the others over another connection")

    async def attach(self, run: str, after: int | Mapping[str, int] = 0, *, is_tree: bool = False) -> Attachment:
        """Follow a run from `after` on, with `is_tree` its children too, each from where `after` says, else from 0.

        The attachment of a run ends with its terminal event.

        Raises:
            NotFound: there is no such run.
            CursorExpired: a run has not had that many events.
            Conflict: the run is followed already.
            TooMuch: more would be followed than may be.
        """
        heads = [await self._engine.head(run), *(await self._below(run) if is_tree else ())]
        places = after if isinstance(after, Mapping) else {run: after}
        # To a reader that has all of it, a run that is over has nothing left to follow.
        alive = [head.run for head in heads if not head.status.is_terminal or places.get(head.run, 0) != head.head]
        self.check_room(len(alive))
        tree = _Tree(run, {head.run for head in heads}) if is_tree else None
        following = [await self._follow(each, places.get(each, 0), tree) for each in alive]
        if self.follows(run):
            raise Conflict(f"run {run} is followed on this connection already; detach it first")
        return Attachment(heads, lambda: self._begin(following))

    def adopt(self, cursor: Cursor, *, is_tree: bool = False) -> None:
        """Follow the run that a cursor reads, which nobody else reads from now on; with `is_tree` its children too."""
        cursor.on_wake = self._wake
        self._begin([_Following(cursor, _Tree(cursor.run, {cursor.run}) if is_tree else None)])

    async def _below(self, run: str) -> list[RunHead]:
        """Every run that exists below `run`, parents before their children."""
        found: list[RunHead] = []
        before: str | None = None
        while page := await self._engine.journal.runs(parent=run, before=before, limit=_TREE_PAGE):
            found += page
            before = page[-1].run
        return [head for child in found for head in (child, *await self._below(child.run))]

    async def _follow(self, run: str, after: int, tree: _Tree | None) -> _Following:
        return _Following(await self._engine.events(run, after, self._wake), tree)

    def _begin(self, following: Sequence[_Following]) -> None:
        for each in following:
            if self._followed.setdefault(each.cursor.run, each) is each:
                self._wake(each.cursor)
                self._on_follow(each.cursor.run)

    def _wake(self, cursor: Cursor) -> None:
        following = self._followed.get(cursor.run)
        if following is not None and following.cursor is cursor:
            self._ready[cursor.run] = None
            self._rest.clear()
            self._news.set()

    def detach(self, run: str) -> bool:
        """Send nothing more of the run, nor of its tree if that is followed; False when it was not."""
        tree = [each.cursor.run for each in self._followed.values() if each.tree and each.tree.root == run]
        is_followed = self.follows(run) or bool(tree)
        for each in (run, *tree):
            self._forget(each)
        return is_followed

    def _forget(self, run: str) -> None:
        self._followed.pop(run, None)
        self._ready.pop(run, None)

    async def run(self) -> None:
        """Send what comes, run by run, whenever the sink has room; return when it ends."""
        next_look = 0.0
        try:
            while True:
                await self._news.wait()
                await until(next_look)
                while self._ready:
                    await self._room()
                    await self._serve_next()
                self._news.clear()
                self._rest.set()
                next_look = next_beat()
        except ConnectionError:
            self._rest.set()

    async def delivered(self) -> None:
        """Return once the client's sink has all that there is so far."""
        await self._rest.wait()

    async def _room(self) -> None:
        """Wait until the sink takes more; who has something to send then is behind."""
        if self._sink.is_full:
            await self._sink.drained()
            for run in self._ready:
                self._followed[run].has_waited = True

    async def _serve_next(self) -> None:
        """Send one page of the run that is ready longest, and put it at the end of the queue when more is waiting."""
        run = next(iter(self._ready), None)
        if run is None:  # it was detached while the sink was full
            return
        del self._ready[run]
        following = self._followed[run]
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
            if following.tree and event.type == CHILD_SPAWNED:
                await self._adopt(event.data["runId"], following.tree)
        if cursor.finished:
            self._forget(cursor.run)
        elif not cursor.is_caught_up:
            self._wake(cursor)

    async def _adopt(self, child: str, tree: _Tree) -> None:
        if child not in tree.runs:
            tree.runs.add(child)
            self._begin([await self._follow(child, 0, tree)])
