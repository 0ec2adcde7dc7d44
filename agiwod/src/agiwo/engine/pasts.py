"""The pasts of sessions: read from the journal once, and kept while the sessions go on. Folds none."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from agiwo.journal.base import Journal
from agiwo.loop.history import is_unseen
from agiwo.schema.past import NO_PAST, Past
from agiwo.schema.record import Point, Record

BASE: Final = "base"
"""Key and type of the internal record that says where the run's session stood when it started."""

_MOST: Final = 100_000
"""Records that are kept for sessions that go on."""


class Pasts:
    """The past up to any point of a session. One that is longer by a run costs the reading of that run."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._kept: OrderedDict[Point, tuple[Past, int]] = OrderedDict()
        self._count = 0

    async def up_to(self, point: Point | None) -> Past:
        """Everything that was recorded in a session up to a point of it."""
        missing: list[tuple[Point, list[Record]]] = []
        place = point
        while place and place not in self._kept:
            missing.append((place, await self._journal.load(place.run)))
            if point in self._kept:  # somebody else was faster, and took what this one would have begun with
                return self._kept[point][0]
            place = point_of(next((record for record in missing[-1][1] if record.key == BASE), None))
        past, count = self._take(place)
        for place, records in reversed(missing):
            past, count = Past(past, _until(records, place.seq)), count + len(records)
        if point and past.is_whole:
            self._keep(point, past, count)
        return past

    def _take(self, point: Point | None) -> tuple[Past, int]:
        past, count = self._kept.pop(point, (NO_PAST, 0)) if point else (NO_PAST, 0)
        self._count -= count
        return past, count

    def _keep(self, point: Point, past: Past, count: int) -> None:
        self._kept[point] = past, count
        self._count += count
        while self._count > _MOST:
            _, (_, forgotten) = self._kept.popitem(last=False)
            self._count -= forgotten


def point_of(base: Record | None) -> Point | None:
    """Where the session stood when the run started that this `base` record is of."""
    return Point(**base.data["point"]) if base and base.data["point"] else None


def _until(records: Sequence[Record], seq: int | None) -> Sequence[Record]:
    """The records up to the event with that seq, with the internal ones that were committed after it.

    An answer that only calls tools has no event of its own: it belongs to what comes after the event.
    """
    if seq is None:
        return records
    beyond = (at for at, record in enumerate(records) if record.seq and record.seq > seq)
    kept = records[: next(beyond, None)]
    shown = max((at for at, record in enumerate(kept) if record.seq), default=0)
    return kept[: next((at for at, record in enumerate(kept) if at > shown and is_unseen(record)), None)]
