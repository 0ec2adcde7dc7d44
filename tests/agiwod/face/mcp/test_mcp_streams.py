"""What is no MCP on a connection of MCP: answered with its reason, and the connection goes on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from agiwo_protocol.channel import MemoryChannel, memory_pair
from agiwod.face.mcp.face import McpFace
from daemon_lab import PATIENCE, running

pytestmark = pytest.mark.anyio

HELLO = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
    b'"clientInfo":{"name":"t","version":"1"}}}'
)
READY = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
LIST = b'{"jsonrpc":"2.0","id":2,"method":"prompts/list"}'


@asynccontextmanager
async def line() -> AsyncGenerator[MemoryChannel]:
    ours, theirs = memory_pair()
    async with running() as daemon:
        face = asyncio.create_task(McpFace(daemon).converse(theirs))
        yield ours
        await ours.close()
        async with asyncio.timeout(PATIENCE):
            await face


async def answer(channel: MemoryChannel) -> Any:
    async with asyncio.timeout(PATIENCE):
        [frame] = await channel.receive()
    assert isinstance(frame, bytes)
    return orjson.loads(frame)


@pytest.mark.parametrize(
    ("said", "id", "code"),
    [
        (b"{", None, -32700),
        (b"\xff\xfe", None, -32700),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', None, -32600),
        (b'"hello"', None, -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', None, -32600),
        (b'{"jsonrpc":"1.0","id":7,"method":"ping"}', 7, -32600),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[1]}', 7, -32600),
        (b'{"jsonrpc":"2.0","id":7,"method":"no/such"}', 7, -32601),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}', 7, -32602),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":5}}', 7, -32602),
    ],
)
async def test_what_is_no_request_is_answered_with_its_reason(said: bytes, id: Any, code: int) -> None:
    async with line() as channel:
        channel.write(HELLO)
        assert (await answer(channel))["result"]["protocolVersion"] == "2025-06-18"
        channel.write(READY)
        channel.write(said)
        refused = await answer(channel)
        assert (refused["id"], refused["error"]["code"]) == (id, code)
        channel.write(LIST)
        assert (await answer(channel))["result"]["prompts"] == []


async def test_an_answer_that_nobody_waits_for_is_passed_by() -> None:
    async with line() as channel:
        channel.write(b'{"jsonrpc":"2.0","id":99,"result":{}}')
        channel.write(HELLO)
        assert (await answer(channel))["id"] == 1


async def test_a_client_that_asks_for_an_unknown_version_is_offered_one() -> None:
    async with line() as channel:
        channel.write(HELLO.replace(b"2025-06-18", b"1999-01-01"))
        assert (await answer(channel))["result"]["protocolVersion"] == "2025-11-25"
