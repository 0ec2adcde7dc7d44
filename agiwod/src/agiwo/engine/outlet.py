"""Where what is made of a run can be heard: a feed as others are told of it, each from where he is. Sends nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from agiwo import ids
from agiwo.engine.cursor import joined
from agiwo.engine.feed import Feed, OpenItem, Reader
from agiwo.engine.news import Dropped, Grown, News, Noticed, Opened

_MOST: Final = 256 * 1024
"""Characters of an item that are told at once: who comes late to a long one hears it in parts."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """How far somebody has heard an item: so many pieces, which are so many characters."""

    item: OpenItem
    part: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody has heard a feed. Who is in the same place hears the same."""

    noticed: int
    spots: tuple[_Spot, ...] = ()


@dataclass(slots=True, eq=False)
class Excerpt:
    """What follows a place, and where it ends. `form` is for whoever tells it to many: what he has made of it."""

    run: str
    source: str
    news: tuple[News, ...]
    start: Place
    end: Place
    form: object = field(default=None, repr=False)


class Outlet(Reader):
    """A feed that one process makes, and tells its listeners when there is more. `source` names it to all others.

    `wake` is called when something is new, once until the next look. While nobody looks, it costs nothing.
    """

    def __init__(self, feed: Feed, on_news: Callable[[], None]) -> None:
        self.source = ids.fresh("source")
        self._feed, self._on_news = feed, on_news
        self._latest: Excerpt | None = None

    def wake(self) -> None:
        """There is something new."""
        self._on_news()

    @property
    def start(self) -> Place:
        """Where one begins who has heard nothing: all that is open is still to come, and the notice that stands."""
        feed = self._feed
        return Place(feed.noticed if feed.standing is None else feed.standing - 1)

    def since(self, place: Place) -> Excerpt:
        """What follows a place; its end is the place itself when there is nothing. A long item comes in parts."""
        self._feed.tell(self)
        latest = self._latest
        if latest is None or latest.start != place or not self._is_end(latest.end):
            latest = self._latest = self._read(place)
        return latest

    def _is_end(self, place: Place) -> bool:
        """Whether nothing follows."""
        items = self._feed.items.values()
        return (
            place.noticed == self._feed.noticed
            and len(items) == len(place.spots)
            and all(
                spot.item is item and spot.part == len(item.texts)
                for spot, item in zip(place.spots, items, strict=True)
            )
        )

    def _read(self, place: Place) -> Excerpt:
        feed, spots = self._feed, {spot.item.id: spot for spot in place.spots}
        news: list[News] = [Dropped(id, spots[id].item.attempt) for id in spots if id not in feed.items]
        ends: list[_Spot] = []
        for item in feed.items.values():
            spot = spots.get(item.id)
            if spot is None or spot.item is not item:
                news.append(Opened(item.id, item.kind, item.data, item.attempt, item.at, feed.head))
                spot = _Spot(item)
            grown, spot = _rest(spot)
            news += grown
            ends.append(spot)
        news += self._notices(place.noticed)
        return Excerpt(feed.run, self.source, tuple(news), place, Place(feed.noticed, tuple(ends)))

    def _notices(self, after: int) -> Iterator[Noticed]:
        for number, type, data, at in self._feed.notices:
            if number > after:
                yield Noticed(type, data, at, stands=number == self._feed.standing)


def _rest(spot: _Spot) -> tuple[tuple[Grown, ...], _Spot]:
    """What follows in an item's stream, and the spot behind it."""
    item, end, size = spot.item, spot.part, 0
    while end < len(item.texts) and size < _MOST:
        size += len(item.texts[end])
        end += 1
    if end == spot.part:
        return (), spot
    pieces = tuple(joined(zip(item.kinds[spot.part : end], item.texts[spot.part : end], strict=True)))
    return (Grown(item.id, item.attempt, spot.offset, pieces),), _Spot(item, end, spot.offset + size)
