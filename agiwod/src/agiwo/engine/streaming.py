"""The items that one step streams: opened, added to, shown without secrets. Records nothing."""

from collections.abc import Mapping
from typing import Any

from agiwo.clock import Clock
from agiwo.engine.feed import Feed, OpenItem
from agiwo.engine.redact import RedactedStream, Redactor


class Streaming:
    """What a step shows to readers while it works. `items` are the ids of those that it opened."""

    def __init__(self, feed: Feed, redactor: Redactor, clock: Clock, items: list[str] | None = None) -> None:
        self._feed, self._redactor, self._clock = feed, redactor, clock
        self._redacts = bool(redactor)
        self.items: list[str] = [] if items is None else items
        self._open: dict[str, OpenItem] = {}
        self._streams: dict[tuple[str, str], RedactedStream] = {}

    def open(self, item: str, kind: str, data: Mapping[str, Any], attempt: int, *, is_shown: bool) -> None:
        """Begin an item, or take over one that another step of this attempt began."""
        there = self._feed.items.get(item)
        if there is None or there.attempt != attempt:
            there = OpenItem(item, kind, self._redactor.data(data), attempt, self._clock.now())
            if is_shown:
                self._feed.open(there)
        self._open[item] = there
        if item not in self.items:
            self.items.append(item)

    def delta(self, item: str, kind: str, text: str) -> None:
        """Add to an open item's stream; known secrets are held back and replaced."""
        if self._redacts:
            stream = self._streams.setdefault((item, kind), RedactedStream(self._redactor))
            text = stream.feed(text)
            if not text:
                return
        self._feed.delta(self._open[item], kind, text)

    def finish(self) -> None:
        """Show what was held back because it could have become a secret."""
        for (item, kind), stream in self._streams.items():
            if rest := stream.end():
                self._feed.delta(self._open[item], kind, rest)

    def drop(self) -> None:
        """Forget what was opened: another attempt begins."""
        self._feed.drop(self.items)
        self.items.clear()
        self._streams.clear()

    def snapshots(self) -> list[dict[str, Any]]:
        """The items that stand open, as they are."""
        return [self._feed.items[id].snapshot() for id in self.items if id in self._feed.items]
