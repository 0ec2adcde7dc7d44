"""The feeds of the runs that somebody drives or reads; nobody else keeps one alive."""

from collections.abc import Sequence
from weakref import ReferenceType, WeakValueDictionary, finalize, ref

from agiwo.engine.bus import DeltaBus
from agiwo.engine.feed import Feed
from agiwo.engine.mirror import Mirror
from agiwo.journal.base import Journal, Listener
from agiwo.schema.record import Record, RunHead


class Feeds:
    """One feed a run, shared by all who want it and gone with the last of them.

    With a `bus` it also shows what others make of the run.
    """

    def __init__(self, journal: Journal, bus: DeltaBus | None = None) -> None:
        self._journal, self._bus = journal, bus
        self._feeds: WeakValueDictionary[str, Feed] = WeakValueDictionary()

    def at_hand(self, run: str) -> Feed | None:
        """The run's feed, if somebody has it."""
        return self._feeds.get(run)

    async def of(self, head: RunHead) -> Feed:
        """The run's feed, which hears of every commit from now on."""
        if feed := self._feeds.get(head.run):
            return feed
        feed = self._watching(head.run, head.head, is_over=head.status.is_terminal)
        if fresh := await self._journal.run(head.run):
            feed.catch_up(fresh.head)
        return feed

    def early(self, run: str) -> Feed:
        """The run's feed, for who reads the records that are there and lets it catch up with them."""
        return self._feeds.get(run) or self._watching(run, 0)

    def _watching(self, run: str, head: int, *, is_over: bool = False) -> Feed:
        feed = self._feeds[run] = Feed(run, head)
        finalize(feed, self._journal.watch(run, _appending_to(ref(feed)))).atexit = False
        if self._bus is not None and not is_over:
            finalize(feed, self._bus.follow(run, Mirror(feed).hear)).atexit = False
        return feed


def _appending_to(feed: ReferenceType[Feed]) -> Listener:
    """A listener that does not keep the feed alive."""

    def append(records: Sequence[Record]) -> None:
        if there := feed():
            there.append(records)

    return append
