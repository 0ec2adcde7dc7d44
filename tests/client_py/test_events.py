"""The daemon's own events in a client's hands: in order, at its pace, and with a word about what may be lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agiwo_client import Client, DaemonGone, DaemonNotFound, Events, connect
from agiwo_protocol.paths import locate
from fake_daemon import FakeDaemon

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    served = FakeDaemon()
    async with asyncio.timeout(60), served.serve(locate(tmp_path).socket):
        yield served


@pytest.fixture
async def client(fake: FakeDaemon, tmp_path: Path) -> AsyncIterator[Client]:
    async with connect(home=tmp_path, autostart=False, timeout=60, patience=60) as connected:
        yield connected


async def next_types(events: Events, count: int) -> list[str]:
    async with asyncio.timeout(60):
        return [(await anext(events)).type for _ in range(count)]


async def test_what_is_told_after_entering_is_read_in_its_order(fake: FakeDaemon, client: Client) -> None:
    fake.tell("before")
    async with client.events("scheduler") as events:
        fake.tell("one", stateId="s")
        fake.tell("two")
        first = await anext(events)
        assert (first.seq, first.type, first.data) == (2, "one", {"stateId": "s"})
        assert await next_types(events, 1) == ["two"]


async def test_a_lost_connection_is_told_when_it_is_lost_and_when_there_is_another(
    fake: FakeDaemon, client: Client
) -> None:
    async with client.events("scheduler") as events:
        fake.cut()
        assert await next_types(events, 2) == ["event/lost", "event/lost"]
        fake.tell("after")
        assert await next_types(events, 1) == ["after"]
        assert len(fake.told_to) == 2


async def test_a_daemon_that_stays_away_is_given_up(tmp_path: Path) -> None:
    fake = FakeDaemon()
    async with asyncio.timeout(60), fake.serve(locate(tmp_path).socket):
        client = await connect(home=tmp_path, autostart=False, timeout=60, patience=0.1)
        events = await client.events("run").__aenter__()
    assert await next_types(events, 1) == ["event/lost"]
    with pytest.raises((DaemonGone, DaemonNotFound)):
        await anext(events)
    await events.__aexit__(None, None, None)
    await client.aclose()


async def test_whoever_leaves_hears_no_more(fake: FakeDaemon, client: Client) -> None:
    async with client.events("scheduler"):
        connections = len(fake.channels)
    async with asyncio.timeout(60):
        while len(fake.channels) == connections:  # noqa: ASYNC110 - a channel that goes has no event; each look yields
            await asyncio.sleep(0)
