"""The daemon's own log: numbered, bounded, and honest with those who are too slow for it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from agiwo.clock import SystemClock
from agiwod.runtime.errors import EventsExpired
from agiwod.runtime.events import DaemonEvent, Events, Subscription
from daemon_lab import PATIENCE

pytestmark = pytest.mark.anyio


class Tray:
    """A sink that a test fills and empties."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.events: list[DaemonEvent] = []
        self.is_over = False
        self._changed, self._came = asyncio.Event(), asyncio.Event()

    @property
    def is_full(self) -> bool:
        return len(self.events) >= self.room

    async def drained(self) -> None:
        while self.is_full:
            self._changed.clear()
            await self._changed.wait()
        if self.is_over:
            raise ConnectionError

    def send(self, event: DaemonEvent) -> None:
        self.events.append(event)
        self._came.set()

    def make_room(self, room: int) -> None:
        self.room += room
        self._changed.set()

    async def holding(self, count: int) -> list[DaemonEvent]:
        async with asyncio.timeout(PATIENCE):
            while len(self.events) < count:
                self._came.clear()
                await self._came.wait()
        return self.events


@asynccontextmanager
async def following(subscription: Subscription, tray: Tray) -> AsyncGenerator[None]:
    task = asyncio.create_task(subscription.follow(tray))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def log_of(*topics: str, limit: int = 10) -> Events:
    events = Events(SystemClock().now, limit)
    for topic in topics:
        events.publish(topic, f"{topic}/changed", {})
    return events


def seqs(events: list[DaemonEvent]) -> list[int]:
    return [event.seq for event in events]


async def test_a_reader_gets_its_topics_with_the_numbers_of_all() -> None:
    events, tray = log_of("run", "agent", "run"), Tray()
    async with following(events.subscribe({"run"}, after=0), tray):
        await tray.holding(2)
        events.publish("agent", "agent/changed", {})
        events.publish("run", "run/queued", {"runId": "r"})
        told = await tray.holding(3)
    assert seqs(told) == [1, 3, 5]
    assert (told[2].topic, told[2].type, told[2].data) == ("run", "run/queued", {"runId": "r"})


async def test_without_a_position_reading_begins_now() -> None:
    events, tray = log_of("run", "run"), Tray()
    async with following(events.subscribe({"run"}), tray):
        events.publish("run", "run/changed", {})
        assert seqs(await tray.holding(1)) == [3]


@pytest.mark.parametrize("after", [6, 12, 15])
async def test_a_position_that_the_log_still_reaches_is_served_from_there(after: int) -> None:
    events, tray = log_of(*["run"] * 15, limit=9), Tray()
    async with following(events.subscribe({"run"}, after), tray):
        assert seqs(await tray.holding(15 - after)) == list(range(after + 1, 16))


@pytest.mark.parametrize("after", [0, 5, 16])
async def test_a_position_without_a_whole_continuation_is_refused_with_the_first_one_that_has_it(after: int) -> None:
    events = log_of(*["run"] * 15, limit=9)
    with pytest.raises(EventsExpired) as expired:
        events.subscribe({"run"}, after)
    assert (expired.value.first, expired.value.head) == (7, 15)


async def test_an_empty_log_can_be_read_from_its_beginning() -> None:
    events = log_of()
    assert events.subscribe({"run"}, 0).seq == events.subscribe({"run"}).seq == 0
    with pytest.raises(EventsExpired):
        events.subscribe({"run"}, 1)


async def test_a_slow_reader_waits_where_it_is_and_goes_on_without_a_hole() -> None:
    events, tray = log_of(*["run"] * 8), Tray(room=3)
    subscription = events.subscribe({"run"}, 0)
    async with following(subscription, tray):
        assert seqs(await tray.holding(3)) == [1, 2, 3]
        assert subscription.seq == 3
        tray.make_room(100)
        assert seqs(await tray.holding(8)) == list(range(1, 9))


async def test_a_reader_that_is_too_slow_is_told_what_it_has_lost() -> None:
    events, tray = log_of("run", "run", limit=4), Tray(room=1)
    async with following(events.subscribe({"run"}, 0), tray):
        await tray.holding(1)
        for _ in range(8):
            events.publish("run", "run/changed", {})
        tray.make_room(100)
        told = await tray.holding(6)
    assert seqs(told) == [1, 6, 7, 8, 9, 10]
    assert (told[1].topic, told[1].type) == ("daemon", "event/lost")
    assert told[1].data == {"after": 1, "firstAvailableSeq": 7}


async def test_following_ends_with_the_sink_and_is_then_forgotten() -> None:
    events, tray = log_of("run"), Tray(room=1)
    task = asyncio.create_task(events.subscribe({"run"}, 0).follow(tray))
    await tray.holding(1)
    tray.is_over = True
    tray.make_room(1)
    events.publish("run", "run/changed", {})
    await asyncio.wait_for(task, PATIENCE)
    assert len(tray.events) == 1
