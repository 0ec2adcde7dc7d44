"""What is made of a run elsewhere, in the feed that is read here. Hears it twice or in part, and shows it once."""

from dataclasses import dataclass
from weakref import ref

from agiwo.engine.feed import Feed, OpenItem, Reader
from agiwo.engine.news import Dropped, Grown, News, Noticed, Opened


@dataclass(slots=True, eq=False)
class _Stream:
    """An item of a source, how many characters of its stream are there, and the record that readers get before it."""

    source: str
    item: OpenItem
    after: int
    end: int = 0
    is_shown: bool = False

    def is_over(self, feed: Feed) -> bool:
        """Whether the feed has closed it."""
        id = self.item.id
        return feed.items.get(id) is not self.item if self.is_shown else id in feed.completed


class Mirror(Reader):
    """Puts news into a feed, which it does not keep alive.

    An item is shown when the feed has the records that come before it, however late these are. Of several sources that
    make the same attempt the first one counts: their texts need not be the same. A stream of which a part is missing
    stands still until its source tells it from the beginning; its completed record has all of it in any case.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = ref(feed)
        self._streams: dict[str, _Stream] = {}
        self._standing: Noticed | None = None

    def hear(self, source: str, news: tuple[News, ...]) -> None:
        """Take what a source tells, in the order in which it does."""
        feed = self._feed()
        if feed is None:
            return
        for each in news:
            match each:
                case Opened():
                    self._open(feed, source, each)
                case Grown():
                    self._grow(feed, source, each)
                case Dropped():
                    self._drop(feed, source, each)
                case Noticed():
                    self._notice(feed, each)

    def wake(self) -> None:
        """The feed has changed: it may have the records that items waited for."""
        if feed := self._feed():
            self._show(feed)

    def _open(self, feed: Feed, source: str, opened: Opened) -> None:
        id, attempt = opened.item, opened.attempt
        known = [feed.items.get(id), self._streams[id].item if id in self._streams else None]
        if id in feed.completed or any(item is not None and item.attempt >= attempt for item in known):
            return
        item = OpenItem(id, opened.kind, opened.data, attempt, opened.at)
        self._streams[id] = _Stream(source, item, opened.after)
        self._show(feed)

    def _show(self, feed: Feed) -> None:
        """Open what may be seen by now, and forget what is over."""
        streams = self._streams = {id: each for id, each in self._streams.items() if not each.is_over(feed)}
        hidden = [each for each in streams.values() if not each.is_shown]
        for each in hidden:
            if each.after <= feed.head:
                each.is_shown = True
                feed.open(each.item)
        if not all(each.is_shown for each in hidden):
            feed.tell(self)

    def _grow(self, feed: Feed, source: str, grown: Grown) -> None:
        stream = self._stream(feed, source, grown.item, grown.attempt)
        if stream is None or grown.offset > stream.end:
            return
        known = stream.end - grown.offset
        for kind, text in grown.pieces:
            if new := text[known:]:
                feed.delta(stream.item, kind, new)
                stream.end += len(new)
            known = max(0, known - len(text))

    def _drop(self, feed: Feed, source: str, dropped: Dropped) -> None:
        if self._stream(feed, source, dropped.item, dropped.attempt):
            del self._streams[dropped.item]
            feed.drop([dropped.item])

    def _stream(self, feed: Feed, source: str, item: str, attempt: int) -> _Stream | None:
        """The stream, if it is this source's attempt that counts, and goes on."""
        stream = self._streams.get(item)
        if stream is None or (stream.source, stream.item.attempt) != (source, attempt) or stream.is_over(feed):
            return None
        return stream

    def _notice(self, feed: Feed, noticed: Noticed) -> None:
        if noticed.stands:
            if noticed == self._standing:  # told again to who has begun again
                return
            self._standing = noticed
        feed.notice(noticed.type, noticed.data, noticed.at, stands=noticed.stands)
