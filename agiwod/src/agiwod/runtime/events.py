"""The daemon's own log: what changed besides the content of runs. In memory and bounded; knows no wire.

A reader is a position in it, as a reader of a run is. What it had not read before it fell out of the log is told to it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from agiwod.runtime.errors import EventsExpired

LIMIT: Final = 4096
"""Events that are kept: a client that is away for a moment finds its place again."""

LOST: Final = "event/lost"
"""The type of what is told to a reader that was too slow."""


@dataclass(frozen=True, slots=True)
class DaemonEvent:
    """One event. `seq` counts those of all topics; `at` is seconds since the epoch."""

    seq: int
    at: float
    topic: str
    type: str
    data: Mapping[str, Any]


class EventSink(Protocol):
    """Where a reader's events go."""

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

    def send(self, event: DaemonEvent) -> None:
        """Take one event. Must not wait."""
        ...


class Events:
    """The log. Its events are numbered without a hole, from 1 at each start of the daemon."""

    def __init__(self, now: Callable[[], float], limit: int = LIMIT) -> None:
        self.head = 0
        self._now = now
        self._kept: deque[DaemonEvent] = deque(maxlen=limit)
        self._readers: set[asyncio.Event] = set()

    @property
    def first(self) -> int:
        """The seq of the oldest event that is kept, or of the next one when none is."""
        return self.head - len(self._kept) + 1

    def publish(self, topic: str, type: str, data: Mapping[str, Any]) -> None:
        """Tell everybody who reads `topic` that something changed; `data` is JSON data and stays as it is."""
        self.head += 1
        self._kept.append(DaemonEvent(self.head, self._now(), topic, type, data))
        for news in self._readers:
            news.set()

    def subscribe(self, topics: Collection[str], after: int | None = None) -> "Subscription":
        """A reader of these topics, from `after` on, else from now on.

        Raises:
            EventsExpired: some of what follows `after` is not kept any more, or has never been.
        """
        place = self.head if after is None else after
        if not self.first - 1 <= place <= self.head:
            raise EventsExpired(place, self.first, self.head)
        return Subscription(self, frozenset(topics), place)

    def since(self, seq: int) -> list[DaemonEvent]:
        """What is kept of the events after `seq`."""
        new = min(self.head - seq, len(self._kept))
        return [self._kept[place] for place in range(len(self._kept) - new, len(self._kept))]

    def listen(self, news: asyncio.Event) -> Callable[[], None]:
        """Set `news` at each event; call the result to stop."""
        self._readers.add(news)
        return lambda: self._readers.discard(news)


class Subscription:
    """A reader's position in the log: what it costs to be slow."""

    def __init__(self, events: Events, topics: frozenset[str], seq: int) -> None:
        self.seq = seq
        self._events, self._topics = events, topics

    async def follow(self, sink: EventSink) -> None:
        """Send what comes whenever the sink has room, until cancelled; or until the sink turns out to have ended."""
        news = asyncio.Event()
        stop = self._events.listen(news)
        try:
            while True:
                await sink.drained()
                self._send(sink)
                if self.seq == self._events.head:
                    news.clear()
                    await news.wait()
        except ConnectionError:
            return
        finally:
            stop()

    def _send(self, sink: EventSink) -> None:
        if self.seq < self._events.first - 1:
            sink.send(self._lost())
        for event in self._events.since(self.seq):
            if sink.is_full:
                return
            self.seq = event.seq
            if event.topic in self._topics:
                sink.send(event)

    def _lost(self) -> DaemonEvent:
        """What takes the place of the events that fell out of the log unread."""
        after, first = self.seq, self._events.first
        self.seq = first - 1
        at = self._events.since(self.seq)[0].at
        return DaemonEvent(self.seq, at, "daemon", LOST, {"after": after, "firstAvailableSeq": first})
