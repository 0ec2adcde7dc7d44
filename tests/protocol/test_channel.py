"""Channels: what is written arrives in order, and nobody can make the other side keep more than it wants to."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from agiwo_protocol.channel import Channel, ChannelClosed, StreamChannel, memory_pair
from agiwo_protocol.framing import Frame, Framing
from agiwo_protocol.preface import Preface

pytestmark = pytest.mark.anyio

Pair = tuple[Channel, Channel]
HIGH_WATER = 64 * 1024


@asynccontextmanager
async def in_memory() -> AsyncGenerator[Pair]:
    near, far = memory_pair(high_water=HIGH_WATER)
    yield near, far
    await near.close()


@asynccontextmanager
async def over_a_socket() -> AsyncGenerator[Pair]:
    loop = asyncio.get_running_loop()
    ends = [StreamChannel(high_water=HIGH_WATER) for _ in range(2)]
    for end, sock in zip(ends, socket.socketpair(), strict=True):
        await loop.create_connection(lambda end=end: end, sock=sock)
    yield ends[0], ends[1]
    for end in ends:
        await end.close()


@asynccontextmanager
async def over_pipes() -> AsyncGenerator[Pair]:
    loop = asyncio.get_running_loop()
    ends = [StreamChannel(high_water=HIGH_WATER) for _ in range(2)]
    there, back = os.pipe(), os.pipe()
    for end, reading, writing in zip(ends, (back[0], there[0]), (there[1], back[1]), strict=True):
        await loop.connect_read_pipe(lambda end=end: end, os.fdopen(reading, "rb"))
        await loop.connect_write_pipe(lambda end=end: end, os.fdopen(writing, "wb"))
    yield ends[0], ends[1]
    for end in ends:
        await end.close()


@pytest.fixture(params=[in_memory, over_a_socket, over_pipes])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    make: Callable[[], AbstractAsyncContextManager[Pair]] = request.param
    async with asyncio.timeout(60), make() as ends:
        yield ends


async def receive(channel: Channel, count: int) -> list[Frame]:
    frames: list[Frame] = []
    while len(frames) < count:
        more = await channel.receive()
        assert more, "the channel ended early"
        frames += more
    return frames


async def test_what_is_written_arrives_in_order_both_ways(pair: Pair) -> None:
    near, far = pair
    bodies = [b"%d" % number for number in range(100)]
    for body in bodies:
        near.write(body)
        far.write(body)
    assert await receive(far, 100) == bodies
    assert await receive(near, 100) == bodies


async def test_a_reader_that_does_not_read_makes_the_channel_full_and_reading_frees_it(pair: Pair) -> None:
    near, far = pair
    body = b"x" * 10_000
    written = 0
    while not near.is_full:
        near.write(body)
        written += 1
        await asyncio.sleep(0)
        assert written < 2000
    assert near.backlog > 0
    waiting = asyncio.create_task(near.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await receive(far, written) == [body] * written
    await waiting
    assert not near.is_full


async def test_a_channel_that_ends_gives_an_empty_list_after_what_was_written(pair: Pair) -> None:
    near, far = pair
    near.write(b"last words")
    await near.close()
    assert near.is_closed
    assert await far.receive() == [b"last words"]
    assert await far.receive() == []
    near.write(b"dropped")
    with pytest.raises(ChannelClosed):
        await near.drained()


async def test_closing_releases_who_waits_for_room(pair: Pair) -> None:
    near, _ = pair
    while not near.is_full:
        near.write(b"x" * 10_000)
        await asyncio.sleep(0)
    waiting = asyncio.create_task(near.drained())
    await asyncio.sleep(0)
    await near.close()
    with pytest.raises(ChannelClosed):
        await waiting


async def test_a_reader_that_stops_reading_stops_the_sender_and_loses_nothing() -> None:
    async with asyncio.timeout(60), over_a_socket() as (near, far):
        bodies = [b"%06d" % number + b"x" * 5000 for number in range(500)]
        sent = 0

        async def send() -> None:
            nonlocal sent
            for body in bodies:
                await near.drained()
                near.write(body)
                sent += 1
                await asyncio.sleep(0)

        sending = asyncio.create_task(send())
        for _ in range(2000):
            await asyncio.sleep(0)
        assert sent < len(bodies)  # two buffers of 64 KiB and the sockets' own hold less than 2.5 MB
        assert await receive(far, len(bodies)) == bodies
        await sending


async def test_the_end_of_input_still_lets_answers_out() -> None:
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    channel = StreamChannel()
    await loop.create_connection(lambda: channel, sock=near)
    far.sendall(b'{"question":1}')
    far.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(60):
        assert await channel.receive() == [b'{"question":1}']
        assert await channel.receive() == []
        assert not channel.is_closed
        channel.write(b'{"answer":1}')
        await channel.close()
    assert far.recv(100) == b'{"answer":1}\n'
    far.close()


async def test_answers_mirror_the_framing_of_the_questions() -> None:
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    channel = StreamChannel(Framing())
    await loop.create_connection(lambda: channel, sock=near)
    far.sendall(b"Content-Length: 2\r\n\r\n{}")
    async with asyncio.timeout(60):
        assert await channel.receive() == [b"{}"]
        channel.write(b"[]")
        await channel.close()
    assert far.recv(100) == b"Content-Length: 2\r\n\r\n[]"
    far.close()


@pytest.mark.parametrize(
    ("sent", "opening", "rest"),
    [
        (b"AGIWOD/1 face=mcp cwd=%2Ftmp\n{}\n", Preface("mcp", {"cwd": "/tmp"}), [b"{}"]),
        (b"{}\n", None, [b"{}"]),
        (b"", None, []),
    ],
)
async def test_the_opening_line_is_taken_off_before_the_messages(
    sent: bytes, opening: Preface | None, rest: list[Frame]
) -> None:
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    channel = StreamChannel()
    await loop.create_connection(lambda: channel, sock=near)
    far.sendall(sent)
    far.close()
    async with asyncio.timeout(60):
        assert await channel.preface() == opening
        assert await channel.receive() == rest
        await channel.close()


async def test_a_server_is_told_when_it_can_begin(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    begun: asyncio.Queue[StreamChannel] = asyncio.Queue(maxsize=1)
    server = await loop.create_unix_server(lambda: StreamChannel(connected=begun.put_nowait), tmp_path / "s")
    async with asyncio.timeout(60), server:
        _, client = await loop.create_unix_connection(StreamChannel, str(tmp_path / "s"))
        served = await begun.get()
        served.write(b"welcome")
        assert await client.receive() == [b"welcome"]
        await client.close()
        await served.close()


async def test_a_peer_that_never_reads_does_not_hold_up_the_end() -> None:
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    channel = StreamChannel()
    await loop.create_connection(lambda: channel, sock=near)
    channel.write(b"x" * 10_000_000)
    async with asyncio.timeout(60):
        await channel.close()
    assert channel.is_closed
    far.close()
