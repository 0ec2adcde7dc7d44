import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager

import pytest
from agiwo.llm.dial import addresses_of, dial

pytestmark = pytest.mark.anyio


class Greeter(asyncio.Protocol):
    """Serves nobody; knows how many are connected."""

    connected = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Greeter.connected += 1

    def connection_lost(self, exc: Exception | None) -> None:
        Greeter.connected -= 1


@asynccontextmanager
async def listening(address: str) -> AsyncGenerator[int]:
    server = await asyncio.get_running_loop().create_server(Greeter, address, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    while Greeter.connected:  # noqa: ASYNC110 - what a socket does has no event
        await asyncio.sleep(0)


async def test_an_address_is_its_own_only_address() -> None:
    assert await addresses_of("127.0.0.1", 80) == ["127.0.0.1"]
    assert await addresses_of("::1", 80) == ["::1"]
    assert "127.0.0.1" in await addresses_of("localhost", 80)


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    async with listening("127.0.0.1") as port:
        transport, _ = await dial(asyncio.Protocol, ["127.0.0.2", "127.0.0.1"], port)
        assert transport.get_extra_info("peername") == ("127.0.0.1", port)
        transport.abort()


async def test_an_address_that_does_not_answer_holds_nobody_up() -> None:
    async with listening("127.0.0.1") as port:
        with ExitStack() as sockets:
            silent = sockets.enter_context(socket.create_server(("127.0.0.2", port), backlog=0))
            sockets.enter_context(socket.create_connection(silent.getsockname()))  # the one that there is room for
            async with asyncio.timeout(60):
                transport, _ = await dial(asyncio.Protocol, ["127.0.0.2", "127.0.0.1"], port)
            assert transport.get_extra_info("peername") == ("127.0.0.1", port)
            transport.abort()


async def test_it_is_told_why_none_of_them_can_be_reached() -> None:
    async with listening("127.0.0.1") as port:
        with pytest.raises(OSError, match=r"127\.0\.0\.2.*; .*127\.0\.0\.3"):
            await dial(asyncio.Protocol, ["127.0.0.2", "127.0.0.3"], port)


async def test_one_that_is_cancelled_at_any_moment_leaves_nothing_open() -> None:
    async with listening("127.0.0.1") as port:
        for turns in range(12):
            dialling = asyncio.ensure_future(dial(asyncio.Protocol, ["127.0.0.2", "127.0.0.1"], port))
            for _ in range(turns):
                await asyncio.sleep(0)
            if dialling.done():
                dialling.result()[0].abort()
            dialling.cancel()
            await asyncio.wait([dialling])
