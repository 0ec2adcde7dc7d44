"""TCP: the addresses at which it listens, and what they say when it cannot."""

import asyncio
import socket

import pytest
from agiwo.errors import ConfigError
from agiwo_protocol.channel import StreamChannel
from agiwod.transport.listener import split
from agiwod.transport.tcp import TcpTransport
from transport_lab import calling, serving_tcp

pytestmark = pytest.mark.anyio


async def drop(channel: StreamChannel) -> None:
    await channel.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]"])
def test_the_address_has_the_port_that_the_system_chose(host: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    transport = TcpTransport(f"{host}:0")
    assert split(transport.address)[1] > 0
    assert not transport.is_open_to_others
    transport.close()


def test_an_address_that_other_machines_can_reach_is_known_for_it() -> None:
    transport = TcpTransport("0.0.0.0:0")
    assert transport.is_open_to_others
    transport.close()


@pytest.mark.parametrize(("address", "words"), [("127.0.0.1:{}", "in use"), ("203.0.113.1:0", "assign")])
def test_where_nobody_can_listen_the_address_is_named_with_the_reason(address: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = address.format(other.getsockname()[1])
        with pytest.raises(ConfigError, match=rf"nobody can listen at {taken}: .*{words}"):
            TcpTransport(taken)


async def test_a_port_that_was_left_can_be_taken_again_at_once() -> None:
    async with serving_tcp(drop) as first, calling(first) as line:
        assert await line.answer() is None
    async with serving_tcp(drop, str(first)) as second, calling(second) as line:
        assert (await line.answer(), second) == (None, first)


async def test_a_client_whose_machine_vanishes_is_looked_for() -> None:
    kept: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def converse(channel: StreamChannel) -> None:
        line: socket.socket = channel.transport.get_extra_info("socket")
        kept.set_result(line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        await channel.close()

    async with serving_tcp(converse) as place, calling(place):
        assert await kept
