"""A reader's position in a run. Holds no events: a slow reader costs this object and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from agiwo.engine.feed import Cut, Feed, OpenItem, Reader
from agiwo.journal.base import Journal
from agiwo.schema.event import ITEM_COMPLETED, ITEM_DELTA, ITEM_STARTED, TERMINAL_EVENTS, Event
from agiwo.schema.record import Record

_PAGE = 512
"""Records read from the journal at once by a reader that is far behind."""


@dataclass(slots=True)
class _Place:
    """How far a reader is in one open item."""

    attempt: int
    part: int = 0
    offset: int = 0


class Cursor(Reader):
    """Reads one run from a seq on: what is recorded, then what is open, then life, without a hole.

    `async for` yields events one by one, and ends after the terminal event. `pull` and `wait` are the same in pieces,
    for a reader that must look after several runs. Any number of cursors read a run; none slows it or another.
    """

    def __init__(
        self,
        feed: Feed,
        journal: Journal,
        now: Callable[[], float],
        after: int = 0,
        on_wake: Callable[["Cursor"], None] | None = None,
    ) -> None:
        self.run = feed.run
        self.seq = after
        self.finished = False
        self._feed, self._journal, self._now = feed, journal, now
        self._replay_until = feed.head
        self._noticed = feed.noticed if feed.standing is None else feed.standing - 1
        self._places: dict[str, _Place] = {}
        self.on_wake = on_wake
        self._news = asyncio.Event()
        self._news.set()

    @property
    def head(self) -> int:
        """The seq of the newest durable event."""
        return self._feed.head

    @property
    def is_caught_up(self) -> bool:
        """Whether no durable event is left to pull."""
        return self.finished or self.seq >= self._feed.head

    def wake(self) -> None:
        """There is something new to pull."""
        self._news.set()
        if self.on_wake:
            self.on_wake(self)

    async def wait(self) -> None:
        """Return when there may be something to pull; at once after the terminal event."""
        await self._news.wait()

    async def pull(self, *, merge: bool = True, lagging: bool = False) -> list[Event]:
        """The events that follow, at most a page of durable ones; empty when there is nothing new.

        `merge` joins the waiting deltas of an item into one. A `lagging` reader is spared the deltas of items that were
        completed meanwhile: their completed record holds the whole content.
        """
        if self.finished:
            return []
        events: list[Event] = []
        if self.seq < self._feed.head:
            near = self._feed.since(self.seq)
            if near is None:
                self._take(await self._stored(), events)
            else:
                self._read_near(near[:_PAGE], merge, lagging, events)
        if self.seq >= self._feed.head and not self.finished:
            if self.seq == self._feed.head:  # above it, what the reader has seen is still being published
                self._read_open(merge, events)
            self._news.clear()
            self._feed.tell(self)
        return events

    def _read_open(self, merge: bool, events: list[Event]) -> None:
        self._read_notices(events)
        for item in self._feed.items.values():
            self._read_item(item, merge, events)

    async def _stored(self) -> list[Event]:
        events = await self._journal.events(self.run, self.seq, _PAGE)
        # What the journal has but not yet published may still be open in the feed: it comes with the next pull.
        return [event for event in events if (event.seq or 0) <= self._feed.head]

    def _read_near(
        self, near: Iterable[tuple[Record, OpenItem | None]], merge: bool, lagging: bool, events: list[Event]
    ) -> None:
        for record, item in near:
            if item and not lagging and self.seq >= self._replay_until:
                self._read_item(item, merge, events)
            self._take([Event.of(record)], events)

    def _take(self, durable: Sequence[Event], events: list[Event]) -> None:
        for event in durable:
            if event.type == ITEM_COMPLETED:
                self._places.pop(event.item or "", None)
            self.seq = event.seq or self.seq
            self.finished = event.type in TERMINAL_EVENTS
        events += durable

    def _read_notices(self, events: list[Event]) -> None:
        if self._noticed == self._feed.noticed:
            return
        for number, type, data, at in self._feed.notices:
            if number > self._noticed:
                events.append(Event(self.run, type, data, at, after=self.seq))
        self._noticed = self._feed.noticed

    def _read_item(self, item: OpenItem, merge: bool, events: list[Event]) -> None:
        place = self._places.get(item.id)
        if place is None or place.attempt != item.attempt:
            place = self._places[item.id] = _Place(item.attempt)
            data = {"kind": item.kind, **item.data}
            events.append(Event(self.run, ITEM_STARTED, data, item.at, after=self.seq, item=item.id))
        end = len(item.texts)
        if place.part == end:
            return
        where = (place.part, end, self.seq, merge)
        if item.cut is None or item.cut.where != where:
            item.cut = self._cut(item, place, where)
        events += item.cut.events
        place.part, place.offset = end, item.cut.offset

    def _cut(self, item: OpenItem, place: _Place, where: tuple[int, int, int, bool]) -> Cut:
        at, run, seq, id, attempt, offset = self._now(), self.run, self.seq, item.id, item.attempt, place.offset
        parts = zip(item.kinds[place.part :], item.texts[place.part :], strict=True)
        events: list[Event] = []
        for kind, text in joined(parts) if where[-1] else parts:
            data = {"kind": kind, "attempt": attempt, "offset": offset, "text": text}
            events.append(Event(run, ITEM_DELTA, data, at, None, seq, id))
            offset += len(text)
        return Cut(where, events, offset)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while not self.finished:
            await self.wait()
            for event in await self.pull(merge=False):
                yield event


def joined(parts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The parts, neighbours of one kind as one."""
    for kind, group in groupby(parts, key=itemgetter(0)):
        yield kind, "".join(text for _, text in group)
