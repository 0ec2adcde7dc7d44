"""HTTP as a transport: an app is served until it is to end, and then nothing of it stays."""

import asyncio
import socket

import httpx2
import pytest
from agiwo.errors import ConfigError
from agiwod.transport.http import HttpTransport
from agiwod.transport.listener import split
from daemon_lab import PATIENCE
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    async def say():
        yield b"begun\n"
        await asyncio.get_running_loop().create_future()

    await StreamingResponse(say())(scope, receive, send)


async def ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(task, return_exceptions=True)


async def test_requests_are_answered_until_the_end_and_not_after_it() -> None:
    transport = HttpTransport("127.0.0.1:0")
    task = asyncio.create_task(transport.serve(hello))
    async with httpx2.AsyncClient(base_url=f"http://{transport.address}") as client:
        assert (await client.get("/")).text == "hello"
        await ended(task)
        with pytest.raises(httpx2.ConnectError):
            await client.get("/")


async def test_a_stream_that_nobody_ends_holds_up_nobody() -> None:
    transport = HttpTransport("127.0.0.1:0")
    before = asyncio.all_tasks()
    task = asyncio.create_task(transport.serve(endless))
    async with (
        httpx2.AsyncClient(base_url=f"http://{transport.address}") as client,
        client.stream("GET", "/") as answer,
    ):
        assert await anext(answer.aiter_text()) == "begun\n"
        await ended(task)
    assert asyncio.all_tasks() == before


async def test_bytes_that_are_no_http_are_refused_and_others_go_on() -> None:
    transport = HttpTransport("127.0.0.1:0")
    task = asyncio.create_task(transport.serve(hello))
    reader, writer = await asyncio.open_connection(*split(transport.address))
    writer.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n\r\n\r\n')
    async with asyncio.timeout(PATIENCE):
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()
    async with httpx2.AsyncClient(base_url=f"http://{transport.address}") as client:
        assert (await client.get("/")).text == "hello"
    await ended(task)


def test_a_port_that_is_taken_is_told_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"nobody can listen at {address}"):
            HttpTransport(address)
