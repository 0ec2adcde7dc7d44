"""The lock before the daemon's TCP port: who has the token comes in, and nobody else hears anything but that."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from agiwod.face.door import Door
from agiwod.face.lock import Lock
from daemon_lab import running
from transport_lab import Line, calling, serving_tcp

pytestmark = pytest.mark.anyio

TOKEN = "open-sesame"


def message(id: object, method: str, **params: Any) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}) + b"\n"


def hello(**more: Any) -> bytes:
    return message(1, "initialize", protocolVersion=1, clientInfo={"name": "t"}, **more)


@asynccontextmanager
async def at_the_door(patience: float = 10.0) -> AsyncGenerator[Line]:
    lock = Lock(TOKEN, patience=patience)
    async with running() as daemon, serving_tcp(Door(daemon, lock).converse) as place, calling(place) as line:
        yield line


@pytest.mark.parametrize("first", [hello(token=TOKEN), b"AGIWOD/1 token=open-sesame\n" + hello()])
async def test_who_says_the_token_first_comes_in(first: bytes) -> None:
    async with at_the_door() as line:
        assert (await line.ask(first))["id"] == 1
        assert "result" in await line.ask(message(2, "agent/list"))


async def test_what_came_with_the_right_handshake_is_answered_too() -> None:
    async with at_the_door() as line:
        line.writer.write(message(7, "ping") + hello(token=TOKEN) + message(2, "agent/list"))
        refused, *answers = [await line.answer() for _ in range(3)]
        assert (refused["id"], refused["error"]["code"]) == (7, -32003)
        assert {answer["id"]: "result" in answer for answer in answers} == {1: True, 2: True}


async def test_content_length_framing_comes_through_the_lock() -> None:
    async with at_the_door() as line:
        body = hello(token=TOKEN)
        line.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        assert (await line.reader.readuntil(b"\r\n\r\n")).startswith(b"Content-Length: ")


@pytest.mark.parametrize("method", ["ping", "daemon/status", "rpc/discover", "initialize", "run/list"])
async def test_without_the_token_nothing_is_told_and_one_may_still_say_it(method: str) -> None:
    async with at_the_door() as line:
        refused = await line.ask(message("a", method))
        assert (refused["id"], refused["error"]["code"]) == ("a", -32003)
        assert refused["error"]["data"] == {"kind": "auth_required", "retryable": False}
        assert "result" in await line.ask(hello(token=TOKEN))


@pytest.mark.parametrize(
    ("first", "id"),
    [
        (hello(token="wrong"), 1),
        (hello(token=""), 1),
        (b"AGIWOD/1 token=wrong\n" + hello(token=TOKEN), None),
        (b"AGIWOD/1 token=\n", None),
    ],
)
async def test_a_wrong_token_is_told_and_ends_the_connection(first: bytes, id: object) -> None:
    async with at_the_door() as line:
        refused = await line.ask(first)
        assert (refused["id"], refused["error"]["code"], refused["error"]["data"]["kind"]) == (id, -32003, "forbidden")
        assert await line.answer() is None


async def test_a_token_that_is_no_text_is_none() -> None:
    async with at_the_door() as line:
        assert (await line.ask(hello(token=7)))["error"]["data"]["kind"] == "auth_required"


@pytest.mark.parametrize(
    ("body", "code", "goes_on"),
    [
        (b"not json\n", -32700, True),
        (b"[]\n", -32600, True),
        (b"POST / HTTP/1.1\r\n", -32700, True),
        (b'"' + b"x" * 70_000 + b'"\n', -32013, True),
        (b"AGIWOD/9\n", -32009, False),
    ],
)
async def test_what_is_no_message_is_answered_as_behind_the_lock(body: bytes, code: int, goes_on: bool) -> None:
    async with at_the_door() as line:
        assert (await line.ask(body))["error"]["code"] == code
        assert (await line.ask(hello(token=TOKEN)) is not None) == goes_on


async def test_a_length_that_no_stranger_may_send_ends_the_connection() -> None:
    async with at_the_door() as line:
        line.writer.write(b"Content-Length: 70000\r\n\r\n")
        async with asyncio.timeout(60):
            assert b"-32013" in await line.reader.read()


async def test_behind_the_lock_a_message_may_be_as_long_as_anywhere() -> None:
    async with at_the_door() as line:
        await line.ask(hello(token=TOKEN))
        assert "result" in await line.ask(message(2, "ping", pad="x" * 100_000))


async def test_a_notification_is_no_reason_to_say_anything() -> None:
    async with at_the_door() as line:
        line.writer.write(b'{"jsonrpc":"2.0","method":"exit"}\n')
        assert (await line.ask(message(3, "ping")))["id"] == 3


@pytest.mark.parametrize("said", [b"", b"AGIW", b"{", message(1, "ping")])
async def test_a_stranger_has_not_long_to_say_the_token(said: bytes) -> None:
    async with at_the_door(patience=0.05) as line:
        line.writer.write(said)
        async with asyncio.timeout(60):
            heard = await line.reader.read()
        assert b"result" not in heard
