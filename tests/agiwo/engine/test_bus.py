"""What is streamed of a run elsewhere: from the feed where it is made, over a bus, to those who read the run here."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from agiwo.engine.bus import Stop
from agiwo.engine.cursor import Cursor
from agiwo.engine.feed import Feed, OpenItem
from agiwo.engine.feeds import Feeds
from agiwo.engine.local_bus import LocalBus
from agiwo.engine.mirror import Mirror
from agiwo.engine.news import Dropped, Grown, News, Noticed, Opened
from agiwo.journal.memory import MemoryJournal
from agiwo.schema.event import ITEM_COMPLETED, ITEM_DELTA, LOG, RUN_COMPLETED, Event
from agiwo.schema.record import Record
from engine_stream import check_stream, text_of

pytestmark = pytest.mark.anyio

RUN = "run_1"


class LoggedBus(LocalBus):
    """A bus that remembers what was told over it."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[News] = []

    def follow(self, run: str, hear: Callable[[str, tuple[News, ...]], None]) -> Stop:
        def hear_too(source: str, news: tuple[News, ...]) -> None:
            self.told += news
            hear(source, news)

        return super().follow(run, hear_too)


@dataclass
class Stage:
    """Where a run is worked on, and where it is read."""

    bus: LoggedBus
    made: Feed
    read: Feed
    stop: Stop
    cursor: Cursor

    def open(self, item: str = "m", attempt: int = 0) -> OpenItem:
        opened = OpenItem(item, "message", {}, attempt, 1.0)
        self.made.open(opened)
        return opened

    async def pull(self) -> list[Event]:
        """What a reader sees after the turns that it takes."""
        for _ in range(3):
            await asyncio.sleep(0)
        return await self.cursor.pull(merge=True)


@asynccontextmanager
async def on_stage() -> AsyncGenerator[Stage]:
    bus, made, read = LoggedBus(), Feed(RUN, 0), Feed(RUN, 0)
    leave = bus.follow(RUN, Mirror(read).hear)
    stop = bus.publish(made)
    yield Stage(bus, made, read, stop, Cursor(read, MemoryJournal(), lambda: 2.0))
    stop()
    leave()


def record(seq: int, type: str, item: str | None = None, **data: Any) -> Record:
    return Record(RUN, seq, seq, type, data, 1.0, item=item)


def texts(events: list[Event]) -> list[str]:
    return [event.data["text"] for event in events if event.type == ITEM_DELTA]


def shown(feed: Feed) -> dict[str, tuple[int, str]]:
    return {item.id: (item.attempt, "".join(item.texts)) for item in feed.items.values()}


async def test_who_reads_elsewhere_sees_what_one_sees_who_reads_here() -> None:
    async with on_stage() as stage:
        item = stage.open()
        for text in ("he", "llo"):
            stage.made.delta(item, "text", text)
        stage.made.delta(item, "reasoning", "why")
        first = await stage.pull()
        stage.made.notice(LOG, {"text": "slow"}, 3.0)
        stage.made.delta(item, "text", "!")
        first += await stage.pull()
        stage.stop()
        stage.read.append([record(1, ITEM_COMPLETED, "m"), record(2, RUN_COMPLETED)])
        events = first + await stage.pull()
        check_stream(events)
        assert text_of(events, "m") == "hellowhy!"
        assert [event.data["kind"] for event in events if event.type == ITEM_DELTA] == ["text", "reasoning", "text"]
        assert [event.data for event in events if event.type == LOG] == [{"text": "slow"}]
        assert stage.read.items == {}


async def test_what_one_turn_makes_comes_together() -> None:
    async with on_stage() as stage:
        item = stage.open()
        await stage.pull()
        stage.bus.told.clear()
        for _ in range(1000):
            stage.made.delta(item, "text", "x")
        assert texts(await stage.pull()) == ["x" * 1000]
        assert stage.bus.told == [Grown("m", 0, 0, (("text", "x" * 1000),))]


async def test_who_comes_late_gets_what_stands_open_as_it_is_so_far() -> None:
    bus, made = LocalBus(), Feed(RUN, 0)
    stop = bus.publish(made)
    item = OpenItem("m", "message", {"a": 1}, 2, 1.0)
    made.open(item)
    made.delta(item, "text", "so far")
    made.notice(LOG, {"n": 1}, 1.0)
    made.notice(LOG, {"n": 2}, 1.0, stands=True)
    heard: list[News] = []
    leave = bus.follow(RUN, lambda source, news: heard.extend(news))
    await asyncio.sleep(0)
    made.delta(item, "text", ", and on")
    await asyncio.sleep(0)
    stop()
    leave()
    assert heard == [
        Opened("m", "message", {"a": 1}, 2, 1.0),
        Grown("m", 2, 0, (("text", "so far"),)),
        Noticed(LOG, {"n": 2}, 1.0, stands=True),
        Grown("m", 2, 6, (("text", ", and on"),)),
    ]


async def test_a_long_item_is_told_in_parts() -> None:
    async with on_stage() as stage:
        item = stage.open()
        for _ in range(5):
            stage.made.delta(item, "text", "x" * 100_000)
        await stage.pull()
        assert [len(each.pieces[0][1]) for each in stage.bus.told if isinstance(each, Grown)] == [300_000, 200_000]
        assert shown(stage.read) == {"m": (0, "x" * 500_000)}


async def test_while_nobody_follows_nothing_is_looked_at() -> None:
    bus, made = LocalBus(), Feed(RUN, 0)
    stop = bus.publish(made)
    item = OpenItem("m", "message", {}, 0, 1.0)
    made.open(item)
    made.delta(item, "text", "x")
    assert made._idle == set()  # pyright: ignore[reportPrivateUsage] - that nobody is woken cannot be seen elsewhere
    stop()
    assert bus.is_idle


async def test_a_later_attempt_takes_the_place_of_one_that_was_dropped() -> None:
    async with on_stage() as stage:
        stage.made.delta(stage.open(), "text", "first try")
        await stage.pull()
        stage.made.drop(["m"])
        await stage.pull()
        assert shown(stage.read) == {}
        stage.made.delta(stage.open(attempt=1), "text", "second")
        await stage.pull()
        assert shown(stage.read) == {"m": (1, "second")}


async def test_what_is_dropped_at_the_very_end_is_dropped_at_the_readers_too() -> None:
    async with on_stage() as stage:
        stage.open()
        await stage.pull()
        stage.made.drop(["m"])
        stage.stop()
        assert shown(stage.read) == {}


async def test_an_item_whose_maker_is_gone_stays_until_a_later_attempt_or_its_record() -> None:
    async with on_stage() as stage:
        stage.made.delta(stage.open(), "text", "half of")
        stage.stop()
        assert shown(stage.read) == {"m": (0, "half of")}
        other = Feed(RUN, 0)
        stop = stage.bus.publish(other)
        other.open(OpenItem("m", "message", {}, 1, 1.0))
        await stage.pull()
        assert shown(stage.read) == {"m": (1, "")}
        stop()


async def test_an_item_comes_after_the_records_that_come_before_it() -> None:
    async with on_stage() as stage:
        stage.made.head = 2  # the worker knows of two records that readers elsewhere do not have yet
        stage.made.delta(stage.open(), "text", "early")
        assert await stage.pull() == []
        stage.read.append([record(1, "run/queued")])
        stage.made.delta(stage.made.items["m"], "text", " bird")
        before = await stage.pull()
        stage.read.append([record(2, "run/started")])
        events = before + await stage.pull()
        check_stream(events, is_over=False)
        assert [event.type for event in events] == ["run/queued", "run/started", "item/started", ITEM_DELTA]
        assert texts(events) == ["early bird"]


async def test_news_of_an_item_that_is_completed_already_are_too_late() -> None:
    async with on_stage() as stage:
        stage.read.append([record(1, ITEM_COMPLETED, "m")])
        stage.made.delta(stage.open(), "text", "late")
        check_stream(events := await stage.pull(), is_over=False)
        assert len(events) == 1


async def test_an_item_is_closed_by_a_record_that_readers_had_from_the_journal() -> None:
    async with on_stage() as stage:
        stage.read.catch_up(5)
        stage.made.delta(stage.open(), "text", "late")
        await stage.pull()
        stage.read.append([record(5, ITEM_COMPLETED, "m")])
        assert shown(stage.read) == {}


OPENED = Opened("m", "message", {}, 0, 1.0)


def grown(offset: int, *pieces: str, attempt: int = 0) -> Grown:
    return Grown("m", attempt, offset, tuple(("text", piece) for piece in pieces))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ([grown(0, "abc"), grown(0, "abc")], "abc"),
        ([grown(0, "abc"), OPENED, grown(0, "ab", "cd", "e")], "abcde"),
        ([grown(0, "abc"), grown(1, "b")], "abc"),
        ([grown(0, "abc"), grown(2, "cde")], "abcde"),
        ([grown(0, "ab"), grown(3, "d"), grown(4, "e")], "ab"),
        ([grown(0, "ab"), grown(3, "d"), OPENED, grown(0, "abcde")], "abcde"),
        ([grown(0, "ab"), grown(2, "c", attempt=1)], "ab"),
        ([grown(0, "ab"), Dropped("m", 3), Dropped("x", 0), Grown("x", 0, 0, (("text", "?"),))], "ab"),
    ],
)
def test_what_comes_twice_or_with_a_gap_spoils_nothing(told: list[News], text: str) -> None:
    feed = Feed(RUN, 0)
    Mirror(feed).hear("source", (OPENED, *told))
    assert shown(feed) == {"m": (0, text)}


def test_a_step_may_go_on_with_an_item_that_another_one_began() -> None:
    feed = Feed(RUN, 0)
    mirror = Mirror(feed)
    mirror.hear("source_1", (OPENED, grown(0, "asked")))
    mirror.hear("source_2", (OPENED, grown(0, ", given")))
    mirror.hear("source_2", (OPENED, grown(0, ", given", " at once")))
    mirror.hear("source_1", (grown(3, "?"), grown(5, "!"), grown(7, "?")))
    assert shown(feed) == {"m": (0, "asked, given at once!")}
    mirror.hear("source_3", (Dropped("m", 0), grown(0, "?")))
    assert shown(feed) == {"m": (0, "asked, given at once!")}


async def test_what_is_told_in_the_turn_in_which_one_begins_to_publish_is_heard() -> None:
    bus, read = LocalBus(), Feed(RUN, 0)
    leave = bus.follow(RUN, Mirror(read).hear)
    made = Feed(RUN, 0)
    stop = bus.publish(made)
    made.notice(LOG, {"text": "at once"}, 1.0)
    stop()
    leave()
    assert [data for _, _, data, _ in read.notices] == [{"text": "at once"}]


def test_an_item_that_is_made_here_is_left_alone() -> None:
    feed = Feed(RUN, 0)
    own = OpenItem("m", "message", {}, 0, 1.0)
    feed.open(own)
    Mirror(feed).hear("source", (OPENED, grown(0, "other"), Dropped("m", 0)))
    assert shown(feed) == {"m": (0, "")}


def test_a_notice_that_stands_is_shown_once() -> None:
    feed = Feed(RUN, 0)
    mirror = Mirror(feed)
    notices = (Noticed(LOG, {"n": 1}, 1.0, stands=True), Noticed(LOG, {"n": 2}, 1.0))
    mirror.hear("source", notices)
    mirror.hear("source", notices[:1])
    assert [data for _, _, data, _ in feed.notices] == [{"n": 1}, {"n": 2}]
    assert feed.standing == 1


async def test_a_feed_is_followed_for_as_long_as_somebody_has_it() -> None:
    bus, made = LocalBus(), Feed(RUN, 0)
    stop = bus.publish(made)
    feed = Feeds(MemoryJournal(), bus).early(RUN)
    item = OpenItem("m", "message", {}, 0, 1.0)
    made.open(item)
    await asyncio.sleep(0)
    assert list(feed.items) == ["m"]
    del feed
    gc.collect()
    stop()
    assert bus.is_idle
