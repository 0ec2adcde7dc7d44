"""What holds for every transport that listens: bytes become messages, and bad ones are answered and hold up nobody."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import orjson
import pytest
from agiwo_protocol.channel import StreamChannel
from agiwod.face.door import Door
from agiwod.transport import TRANSPORTS
from agiwod.transport.base import Converse
from daemon_lab import PATIENCE, running
from transport_lab import HELLO, Place, calling, serving_at, serving_tcp

pytestmark = pytest.mark.anyio

Listen = Callable[[Converse], AbstractAsyncContextManager[Place]]

LISTENING = ("unix", "tcp")


@pytest.fixture(params=LISTENING)
def listen(request: pytest.FixtureRequest, tmp_path: Path) -> Listen:
    if request.param == "tcp":
        return serving_tcp
    return lambda converse: serving_at(tmp_path / "s", converse)


@asynccontextmanager
async def daemon_at(listen: Listen) -> AsyncGenerator[Place]:
    async with running() as daemon, listen(Door(daemon).converse) as place:
        yield place


def test_every_transport_that_listens_is_tried_here() -> None:
    assert {*LISTENING, "stdio"} == set(TRANSPORTS)


async def test_a_conversation_that_fails_ends_no_other(listen: Listen) -> None:
    async def converse(channel: StreamChannel) -> None:
        frames = await channel.receive()
        if frames == [b"fail"]:
            raise ZeroDivisionError
        for frame in frames:
            assert isinstance(frame, bytes)
            channel.write(frame)
        await channel.close()

    async with listen(converse) as place:
        async with calling(place) as bad:
            assert await bad.ask(b"fail\n") is None
        async with calling(place) as good:
            assert await good.ask(b'"echo"\n') == "echo"


async def test_a_first_line_may_name_the_face(listen: Listen) -> None:
    async with daemon_at(listen) as place, calling(place) as line:
        assert "result" in await line.ask(b"AGIWOD/1 face=rpc cwd=%2Ftmp\n" + HELLO + b"\n")


@pytest.mark.parametrize(
    ("first", "code", "words"),
    [
        (b"AGIWOD/1 face=nobody\n", -32600, "there is no face 'nobody'; there are rpc"),
        (b"AGIWOD/9 face=rpc\n", -32009, "AGIWOD/9"),
        (b"AGIWOD/1 " + b"x" * 5000 + b"\n", -32600, "4096 bytes"),
    ],
)
async def test_an_unknown_face_or_version_gets_one_error_line_and_the_end(
    listen: Listen, first: bytes, code: int, words: str
) -> None:
    async with daemon_at(listen) as place, calling(place) as line:
        answer = await line.ask(first)
        assert (answer["id"], answer["error"]["code"]) == (None, code)
        assert words in answer["error"]["message"]
        assert await line.answer() is None


@pytest.mark.parametrize(
    ("body", "id", "code"),
    [
        (b"not json", None, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}', None, -32700),
        (b'"\\ud800"', None, -32700),
        (b"[" * 5000, None, -32700),
        (b'"text"', None, -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', None, -32600),
        (b'{"id":7,"method":"ping"}', 7, -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', None, -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', None, -32600),
        (b'{"jsonrpc":"2.0","id":"a","method":7}', "a", -32600),
        (b'{"jsonrpc":"2.0","id":"a","method":"ping","params":7}', "a", -32600),
        (b'{"id":1}', 1, -32600),
        (b'{"jsonrpc":"2.0","id":2,"method":"run/list"}', 2, -32002),
    ],
)
async def test_every_malformed_message_is_answered_and_the_connection_lives(
    listen: Listen, body: bytes, id: object, code: int
) -> None:
    async with daemon_at(listen) as place, calling(place) as line:
        answer = await line.ask(body + b"\n")
        assert (answer["id"], answer["error"]["code"]) == (id, code)
        assert {"kind", "retryable"} <= set(answer["error"]["data"])
        assert "result" in await line.ask(HELLO + b"\n")


async def test_a_message_above_the_limit_is_refused_and_the_connection_lives(listen: Listen) -> None:
    async with daemon_at(listen) as place, calling(place) as line:
        answer = await line.ask(b'"' + b"x" * (33 * 2**20) + b'"\n')
        assert (answer["error"]["code"], answer["error"]["data"]["limit"]) == (-32013, 32 * 2**20)
        assert "result" in await line.ask(HELLO + b"\n")


async def test_an_answer_that_nobody_asked_for_is_not_answered(listen: Listen) -> None:
    async with daemon_at(listen) as place, calling(place) as line:
        line.writer.write(b'{"jsonrpc":"2.0","id":9,"result":{}}\n')
        assert (await line.ask(HELLO + b"\n"))["id"] == 1


async def test_of_duplicate_keys_the_last_counts_and_null_params_are_none(listen: Listen) -> None:
    async with daemon_at(listen) as place, calling(place) as line:
        answer = await line.ask(b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping","params":null,"extra":1}\n')
        assert (answer["id"], "result" in answer) == (2, True)


async def test_content_length_framing_is_mirrored(listen: Listen) -> None:
    async with daemon_at(listen) as place, calling(place) as line:
        line.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(HELLO), HELLO))
        async with asyncio.timeout(PATIENCE):
            header = await line.reader.readuntil(b"\r\n\r\n")
            body = await line.reader.readexactly(int(header.split(b":")[1]))
        assert "result" in orjson.loads(body)


async def test_answers_reach_a_client_that_has_said_all_it_had_to_say(listen: Listen) -> None:
    async with daemon_at(listen) as place, calling(place) as line:
        line.writer.write(HELLO + b"\n" + b'{"jsonrpc":"2.0","id":2,"method":"agent/list"}')
        line.writer.write_eof()
        answers = [await line.answer(), await line.answer()]
        assert sorted(answer["id"] for answer in answers) == [1, 2]
        assert await line.answer() is None


async def test_a_client_that_says_nothing_holds_up_neither_others_nor_the_end(listen: Listen) -> None:
    async with daemon_at(listen) as place, calling(place), calling(place) as line:
        assert "result" in await line.ask(HELLO + b"\n")
