import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from agiwo.llm.transport import MergingTransport

pytestmark = pytest.mark.anyio

PEM = Path(__file__).with_name("localhost.pem")
"""A certificate of this machine that nobody trusts but these tests, and its key."""

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine"
LARGE = 32 * 1024 * 1024
LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=10, keepalive_expiry=60)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(PEM))


@asynccontextmanager
async def asking(serve: Serve, *, tls: bool = False, timeout: float = 5) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of a server that does this with every connection."""
    connections = set[asyncio.StreamWriter]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context if tls else None)
    url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transport = MergingTransport(trusting(), LIMITS)
    async with httpx2.AsyncClient(transport=transport, base_url=url, timeout=timeout) as client:
        yield client
    server.close()
    for writer in connections:
        writer.transport.abort()
    await asyncio.sleep(0)


async def politely(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request on the connection."""
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(ANSWER)
        await writer.drain()


@pytest.mark.parametrize("tls", [False, True])
async def test_one_connection_serves_one_request_after_the_other(tls: bool) -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await politely(reader, writer)

    async with asking(serve, tls=tls) as client:
        assert [(await client.get("/")).text for _ in range(3)] == ["fine"] * 3

    assert connections == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    async with asking(politely, tls=True) as client:
        stranger = MergingTransport(ssl.create_default_context(), LIMITS)
        async with httpx2.AsyncClient(transport=stranger, base_url=client.base_url) as doubting:
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await doubting.get("/")


async def test_head_and_body_of_a_request_come_in_one_packet() -> None:
    read = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read.set_result(await reader.read(65536))
        writer.write(ANSWER)

    async with asking(serve) as client:
        await client.post("/", content=b"body")

    assert (await read).startswith(b"POST / ")
    assert (await read).endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize("tls", [False, True])
async def test_a_large_request_and_a_large_answer_come_whole(tls: bool) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(LARGE)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()

    body = bytes(range(256)) * (LARGE // 256)
    async with asking(echo, tls=tls) as client:
        assert (await client.post("/", content=body)).content == body


async def test_an_answer_that_nobody_reads_waits_at_the_provider() -> None:
    sent = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % LARGE)
        writer.write(bytes(LARGE))
        await writer.drain()
        sent.set()

    async with asking(pour) as client, client.stream("GET", "/") as response:
        for _ in range(2000):
            await asyncio.sleep(0)
        assert not sent.is_set()
        assert sum([len(block) async for block in response.aiter_raw()]) == LARGE
        await sent.wait()


async def test_a_provider_that_is_silent_is_a_timeout_and_not_a_wait() -> None:
    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async with asking(hear, timeout=0.05) as client:
        with pytest.raises(httpx2.ReadTimeout):
            await client.get("/")


async def test_a_provider_that_takes_no_more_is_a_timeout_and_not_a_wait() -> None:
    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.get_running_loop().create_future()

    async with asking(ignore, timeout=0.05) as client:
        with pytest.raises(httpx2.WriteTimeout):
            await client.post("/", content=bytes(LARGE))


async def test_an_answer_given_before_the_request_was_whole_is_an_answer() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Much\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        await reader.read(-1)

    async with asking(refuse) as client:
        assert (await client.post("/", content=bytes(100_000))).status_code == 413


async def test_a_connection_that_was_closed_while_idle_is_not_used_again() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()

    async with asking(once) as client:
        assert (await client.get("/")).text == "fine"
        for _ in range(100):
            await asyncio.sleep(0)
        assert (await client.get("/")).text == "fine"


async def test_a_connection_that_breaks_in_an_answer_is_an_error_after_what_came() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await writer.drain()

    async with asking(cut) as client, client.stream("GET", "/") as response:
        blocks = response.aiter_raw()
        assert await anext(blocks) == b"abc"
        with pytest.raises(httpx2.RemoteProtocolError):
            await anext(blocks)
