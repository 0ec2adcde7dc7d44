"""What is made of a run elsewhere, in the feed that is read here. Hears it twice or in part, and shows it once."""

from dataclasses import dataclass
from weakref import ref

from agiwo.engine.feed import Feed, OpenItem, Reader
from agiwo.engine.news import Dropped, Grown, News, Noticed, Opened


@dataclass(slots=True, eq=False)
class _Stream:
    """An item, and the record that readers get before it. `ends` are the characters that came from each source."""

    item: OpenItem
    after: int
    ends: dict[str, int]
    is_shown: bool = False

    def is_over(self, feed: Feed) -> bool:
        """Whether the feed has closed it."""
        id = self.item.id
        return feed.items.get(id) is not self.item if self.is_shown else id in feed.completed


class Mirror(Reader):
    """Puts news into a feed, which it does not keep alive.

    An item is shown when the feed has the records that come before it, however late these are. A source may go on with
    an item that another one began, as a tool's step does with the call that a model made. What of a source is missing
    is waited for until that tells it from the beginning; the completed record has all of it in any case.
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
        stream = self._streams.get(id)
        if stream is not None and stream.item.attempt == attempt and not stream.is_over(feed):
            stream.ends.setdefault(source, 0)
            return
        known = (feed.items.get(id), stream and stream.item)
        if id in feed.completed or any(item is not None and item.attempt >= attempt for item in known):
            return
        item = OpenItem(id, opened.kind, opened.data, attempt, opened.at)
        self._streams[id] = _Stream(item, opened.after, {source: 0})
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
        if stream is None or grown.offset > stream.ends[source]:
            return
        known = stream.ends[source] - grown.offset
        for kind, text in grown.pieces:
            if new := text[known:]:
                feed.delta(stream.item, kind, new)
                stream.ends[source] += len(new)
            known = max(0, known - len(text))

    def _drop(self, feed: Feed, source: str, dropped: Dropped) -> None:
        if self._stream(feed, source, dropped.item, dropped.attempt):
            del self._streams[dropped.item]
            feed.drop([dropped.item])

    def _stream(self, feed: Feed, source: str, item: str, attempt: int) -> _Stream | None:
        """The stream to which this source has opened, if it goes on."""
        stream = self._streams.get(item)
        if stream is None or source not in stream.ends or stream.item.attempt != attempt or stream.is_over(feed):
            return None
        return stream

    def _notice(self, feed: Feed, noticed: Noticed) -> None:
        if noticed.stands:
            if noticed == self._standing:  # told again to who has begun again
                return
            self._standing = noticed
        feed.notice(noticed.type, noticed.data, noticed.at, stands=noticed.stands)
