"""What readers of one run can see: its newest records, and the items that are still open. Never on disk."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agiwo.schema.event import ITEM_COMPLETED, Event
from agiwo.schema.record import Record

_TAIL = 256
"""Records kept in memory for readers that are nearly up to date; the others read the journal."""

_NOTICES = 256
"""Ephemeral notices kept for readers that are late; what falls out is not missed by anyone's invariant."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What follows a place in an item's stream, as events. `where` says for whom: all who are there take the same."""

    where: tuple[int, int, int, bool]
    events: Sequence[Event]
    offset: int


@dataclass(slots=True, eq=False)
class OpenItem:
    """An item that is being made, with all of its stream so far: pieces of text, and of which kind each is.

    Two lists of strings, not one of pairs: a long answer then gives the garbage collector nothing to look through.
    `cut` is what the latest reader took of it, for the others who are in the same place.
    """

    id: str
    kind: str
    data: Mapping[str, Any]
    attempt: int
    at: float
    texts: list[str] = field(default_factory=list[str])
    kinds: list[str] = field(default_factory=list[str])
    cut: Cut | None = None

    def text(self, kind: str) -> str:
        """All of one kind that was streamed so far."""
        return "".join(text for each, text in zip(self.kinds, self.texts, strict=True) if each == kind)

    def snapshot(self) -> dict[str, Any]:
        """The item as it stands, as JSON data: for the record of what an interruption cut off."""
        streams = {kind: self.text(kind) for kind in dict.fromkeys(self.kinds)}
        return {"id": self.id, "kind": self.kind, "data": dict(self.data), "streams": streams}


class Reader(Protocol):
    """One who wants to know that a feed has changed."""

    def wake(self) -> None:
        """There is something new. Called on the event loop, at most once until the next look."""
        ...


class Feed:
    """The live end of one run's log. Records come from the journal, in order; deltas come from the run itself."""

    def __init__(self, run: str, head: int) -> None:
        self.run = run
        self.head = head
        self.items: dict[str, OpenItem] = {}
        self.tail: deque[tuple[Record, OpenItem | None]] = deque(maxlen=_TAIL)
        self.completed: deque[str] = deque(maxlen=_TAIL)
        self.notices: deque[tuple[int, str, Mapping[str, Any], float]] = deque(maxlen=_NOTICES)
        self.noticed = 0
        self.standing: int | None = None
        self._idle: set[Reader] = set()

    @property
    def last(self) -> Record | None:
        """The newest record, if it is in memory."""
        return self.tail[-1][0] if self.tail else None

    def append(self, records: Sequence[Record]) -> None:
        """New public records, in order. An item that is completed closes."""
        for record in records:
            item = self._close(record.item) if record.type == ITEM_COMPLETED and record.item else None
            if record.seq is None or record.seq <= self.head:
                continue
            self.tail.append((record, item))
            self.head = record.seq
            self.standing = None
        self._changed()

    def _close(self, item: str) -> OpenItem | None:
        self.completed.append(item)
        return self.items.pop(item, None)

    def catch_up(self, head: int) -> None:
        """There are so many records: none of those that this feed has not heard of is in memory."""
        if head > self.head and not self.tail:
            self.head = head
            self._changed()

    def since(self, seq: int) -> list[tuple[Record, OpenItem | None]] | None:
        """Records after `seq` that are in memory, or None when the journal must be read."""
        if not self.tail or (first := self.tail[0][0].seq or 0) > seq + 1:
            return None
        return list(self.tail)[seq + 1 - first :]

    def open(self, item: OpenItem) -> None:
        """Begin an item, or a new attempt at it."""
        self.items[item.id] = item
        self._changed()

    def delta(self, item: OpenItem, kind: str, text: str) -> None:
        """Add to an open item's stream."""
        item.texts.append(text)
        item.kinds.append(kind)
        if self._idle:
            self._changed()

    def drop(self, items: Sequence[str]) -> None:
        """Forget items that will not be completed."""
        for item in items:
            self.items.pop(item, None)
        self._changed()

    def notice(self, type: str, data: Mapping[str, Any], at: float, *, stands: bool = False) -> None:
        """Tell present readers something that is not kept.

        What `stands` is told to later readers too, until the next record.
        """
        self.noticed += 1
        self.notices.append((self.noticed, type, data, at))
        if stands:
            self.standing = self.noticed
        self._changed()

    def tell(self, reader: Reader) -> None:
        """Wake `reader` at the next change, once."""
        self._idle.add(reader)

    def _changed(self) -> None:
        idle, self._idle = self._idle, set()
        for reader in idle:
            reader.wake()
