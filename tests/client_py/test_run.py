"""A run in a client's hands: whatever is cut and whenever, its events are read once and in order."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from agiwo_client import Client, DaemonGone, Run, connect
from agiwo_protocol.errors import CursorExpired, NotFound
from agiwo_protocol.paths import locate
from agiwo_protocol.run import RunEvent
from fake_daemon import Event, FakeDaemon, FakeRun

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    served = FakeDaemon(runs={"r": FakeRun()})
    async with asyncio.timeout(60), served.serve(locate(tmp_path).socket):
        yield served


@pytest.fixture
async def client(fake: FakeDaemon, tmp_path: Path) -> AsyncIterator[Client]:
    async with connect(home=tmp_path, autostart=False, timeout=60, patience=60) as connected:
        yield connected


def check(events: list[RunEvent], after: int = 0) -> dict[str, str]:
    """Prove the invariant of the protocol over what a reader got; returns the text of each completed item."""
    seq, open_items, completed = after, dict[str, tuple[int, str]](), dict[str, str]()
    for event in events:
        if event.seq is not None:
            assert event.seq == seq + 1
            seq = event.seq
        if event.type == "item/delta" and event.item_id is not None:
            attempt, offset, text = event.data["attempt"], event.data["offset"], event.data["text"]
            known, said = open_items.get(event.item_id, (attempt, ""))
            assert attempt >= known
            said = said if attempt == known else ""
            assert (event.item_id not in completed, offset) == (True, len(said))
            open_items[event.item_id] = (attempt, said + text)
        if event.type == "item/completed" and event.item_id is not None:
            assert event.item_id not in completed
            completed[event.item_id] = event.data["text"]
    assert events[-1].type == "run/completed"
    return completed


async def live(run: FakeRun, dice: random.Random, items: int = 8) -> dict[str, str]:
    """Go through a run of several items at an uneven pace; returns the text of each."""
    texts: dict[str, str] = {}
    run.record("run/started", model="m")
    for number in range(items):
        item = f"i{number}"
        run.start_item(item)
        for attempt in range(1, dice.randint(1, 3)):
            run.say(item, "to be thrown away ", attempt)
            run.record("run/retrying", attempt=attempt)
        attempt, text = run.open[item][0] + 1, ""
        for word in range(dice.randint(1, 20)):
            run.say(item, f"wörd {word} 👋 ", attempt)
            text = run.open[item][1]
            for _ in range(dice.randint(0, 6)):
                await asyncio.sleep(0)
        run.record("item/completed", item, kind="agentMessage", text=text)
        texts[item] = text
    run.record("run/completed", response="done")
    return texts


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0)


async def collect(run: Run) -> list[RunEvent]:
    return [event async for event in run]


async def test_a_run_is_read_from_its_beginning_to_its_terminal_event(fake: FakeDaemon, client: Client) -> None:
    run = await client.start_run("assistant", "hello")
    living = asyncio.create_task(live(fake.runs["r"], random.Random(1)))
    events = await collect(run)
    assert check(events) == await living
    assert [event.to_wire() for event in events if event.seq] == fake.runs["r"].durable
    assert run.seq == len(fake.runs["r"].durable)
    assert await collect(run) == []


@pytest.mark.parametrize("seed", range(25))
async def test_cuts_at_any_point_lose_and_double_nothing(seed: int, fake: FakeDaemon, client: Client) -> None:
    dice = random.Random(seed)
    fake.cuts = [dice.randint(0, 12) for _ in range(dice.randint(1, 5))]
    run = await client.attach("r")
    living = asyncio.create_task(live(fake.runs["r"], dice))
    events = await collect(run)
    assert check(events) == await living
    assert fake.cuts_made > 0
    assert fake.connections == 2 + fake.cuts_made


async def test_a_late_reader_gets_whole_items_and_no_deltas(fake: FakeDaemon, client: Client) -> None:
    texts = await live(fake.runs["r"], random.Random(3))
    events = await collect(await client.attach("r"))
    assert check(events) == texts
    assert [event.to_wire() for event in events] == fake.runs["r"].durable


async def test_a_reader_may_go_on_where_another_stopped(fake: FakeDaemon, client: Client) -> None:
    await live(fake.runs["r"], random.Random(4))
    first = await client.attach("r")
    async for event in first:
        if event.seq == 5:
            break
    assert first.seq == 5
    second = await client.attach("r", after=first.seq)
    assert (await anext(second)).seq == 6
    assert (await anext(first)).seq == 6
    await first.aclose()
    assert (await anext(first)).seq == 7  # over a new connection
    async with second:
        assert second.seq == 6


async def test_a_reader_at_the_end_of_an_ended_run_gets_nothing_and_does_not_wait(
    fake: FakeDaemon, client: Client
) -> None:
    await live(fake.runs["r"], random.Random(5))
    assert await collect(await client.attach("r", after=len(fake.runs["r"].durable))) == []


async def test_two_readers_do_not_disturb_each_other(fake: FakeDaemon, client: Client) -> None:
    one, other = await client.attach("r"), await client.attach("r")
    living = asyncio.create_task(live(fake.runs["r"], random.Random(6)))
    events = await asyncio.gather(collect(one), collect(other))
    texts = await living
    assert [check(each) for each in events] == [texts, texts]


async def test_who_only_waits_for_a_run_keeps_no_connection_for_its_events(fake: FakeDaemon, client: Client) -> None:
    run = await client.start_run("assistant", "hello")
    assert len(fake.channels) == 2
    texts = await live(fake.runs["r"], random.Random(8))
    assert (await run.wait()).status == "completed"
    await until(lambda: len(fake.channels) == 1)
    assert check(await collect(run)) == texts


async def test_a_run_that_nobody_holds_any_more_is_not_followed_any_more(fake: FakeDaemon, client: Client) -> None:
    run = await client.start_run("assistant", "hello")
    fake.runs["r"].record("run/started", model="m")
    assert (await anext(run)).seq == 1
    assert len(fake.channels) == 2
    del run
    await until(lambda: len(fake.channels) == 1)


async def test_a_slow_reader_makes_the_daemon_wait_and_can_still_steer(fake: FakeDaemon, client: Client) -> None:
    run, words, word = fake.runs["r"], 800, "x" * 5000
    followed = await client.attach("r")
    run.start_item("i")
    first = await anext(followed)
    for _ in range(words):
        run.say("i", word)
    for _ in range(10 * words):
        await asyncio.sleep(0)
    assert first.type == "item/started"
    assert fake.sent < words * 0.7
    await followed.steer("faster")
    assert run.steered == ["faster"]
    run.record("item/completed", "i", kind="agentMessage", text=word * words)
    run.record("run/completed", response="")
    assert check([first, *(await collect(followed))]) == {"i": word * words}


async def test_a_run_that_is_unknown_or_not_so_far_says_so(fake: FakeDaemon, client: Client) -> None:
    run = await client.attach("r")
    del fake.runs["r"]
    with pytest.raises(NotFound):
        await anext(run)
    assert CursorExpired.code == -32014


async def test_a_daemon_that_refuses_for_now_is_asked_again(fake: FakeDaemon, client: Client) -> None:
    run = await client.attach("r")
    fake.refusals = 2
    fake.runs["r"].record("run/completed", response="")
    assert [event.type for event in await collect(run)] == ["run/completed"]
    assert fake.refusals == 0


async def test_a_missing_event_is_fetched_again_over_a_new_connection(fake: FakeDaemon, client: Client) -> None:
    lost: list[Event] = []

    def lose_one(event: Event) -> Event | None:
        if event.get("seq") == 2 and not lost:
            lost.append(event)
            return None
        return event

    fake.change = lose_one
    texts = await live(fake.runs["r"], random.Random(7))
    assert check(await collect(await client.attach("r"))) == texts
    assert [event["seq"] for event in lost] == [2]


async def test_a_daemon_that_does_not_come_back_is_given_up(tmp_path: Path) -> None:
    fake = FakeDaemon(runs={"r": FakeRun()})
    async with asyncio.timeout(60):
        async with fake.serve(locate(tmp_path).socket):
            client = await connect(home=tmp_path, autostart=False, timeout=60, patience=0.2)
            run = await client.attach("r")
            fake.runs["r"].record("run/started", model="m")
            assert (await anext(run)).seq == 1
        with pytest.raises((DaemonGone, ConnectionError)):
            await anext(run)
        with pytest.raises(ConnectionError):
            await run.wait()
        await client.aclose()


async def test_a_daemon_that_restarts_is_found_again(tmp_path: Path) -> None:
    before, path = FakeRun(), locate(tmp_path).socket
    before.record("run/started", model="m")
    async with asyncio.timeout(60):
        async with FakeDaemon(runs={"r": before}).serve(path):
            client = await connect(home=tmp_path, autostart=False, timeout=60, patience=60)
            run = await client.attach("r")
            assert (await anext(run)).seq == 1
        reading = asyncio.create_task(collect(run))
        for _ in range(50):
            await asyncio.sleep(0)
        before.record("run/resumed")
        before.record("run/completed", response="")
        async with FakeDaemon(runs={"r": before}).serve(path):
            assert [event.seq for event in await reading] == [2, 3]
            await client.aclose()
