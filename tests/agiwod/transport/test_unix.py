"""The unix socket: who may come in, what is left behind, and bad input over real bytes."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from agiwo.errors import ConfigError, Conflict
from agiwo_protocol.channel import StreamChannel
from agiwod.face.door import Door
from agiwod.runtime.daemon import Daemon
from agiwod.transport.base import Converse
from agiwod.transport.unix import UnixTransport
from daemon_lab import PATIENCE, running

pytestmark = pytest.mark.anyio

HELLO = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1,"clientInfo":{"name":"t"}}}'


@asynccontextmanager
async def serving(path: Path, converse: Converse) -> AsyncGenerator[asyncio.Task[None]]:
    ready = asyncio.Event()
    task = asyncio.create_task(UnixTransport(path, ready.set).serve(converse))
    started = asyncio.create_task(ready.wait())
    await asyncio.wait([task, started], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    if task.done():
        task.result()
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Line:
    """A client that writes bytes and reads messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes) -> Any:
        self.writer.write(data)
        return await self.answer()

    async def answer(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readline()
        return orjson.loads(line) if line else None


@asynccontextmanager
async def calling(path: Path) -> AsyncGenerator[Line]:
    reader, writer = await asyncio.open_unix_connection(str(path), limit=2**26)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def daemon_at(path: Path) -> AsyncGenerator[Daemon]:
    async with running() as daemon, serving(path, Door(daemon).converse):
        yield daemon


async def test_the_socket_is_the_owners_alone_from_its_first_moment(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"):
        assert stat.S_IMODE(os.stat(tmp_path / "s").st_mode) == 0o600


async def test_the_socket_is_gone_when_the_daemon_is(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"):
        pass
    assert not (tmp_path / "s").exists()


async def test_a_socket_that_a_dead_process_left_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s") as line:
        assert "result" in await line.ask(HELLO + b"\n")


async def test_a_socket_at_which_somebody_listens_is_left_alone(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"):
        with pytest.raises(Conflict, match="another process listens"):
            async with daemon_at(tmp_path / "s"):
                pass
        async with calling(tmp_path / "s") as line:
            assert "result" in await line.ask(HELLO + b"\n")


async def test_a_socket_that_another_process_made_meanwhile_is_not_removed(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"):
        os.rename(tmp_path / "s", tmp_path / "moved")
        (tmp_path / "s").write_text("somebody else's")
    assert (tmp_path / "s").read_text() == "somebody else's"


async def test_a_place_where_no_socket_can_be_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be made"):
        async with daemon_at(tmp_path / "missing" / "s"):
            pass


async def test_the_umask_is_what_it_was(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        async with daemon_at(tmp_path / "s"):
            assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


async def test_a_conversation_that_fails_ends_no_other(tmp_path: Path) -> None:
    async def converse(channel: StreamChannel) -> None:
        frames = await channel.receive()
        if frames == [b"fail"]:
            raise ZeroDivisionError
        for frame in frames:
            assert isinstance(frame, bytes)
            channel.write(frame)
        await channel.close()

    async with serving(tmp_path / "s", converse):
        async with calling(tmp_path / "s") as bad:
            assert await bad.ask(b"fail\n") is None
        async with calling(tmp_path / "s") as good:
            assert await good.ask(b'"echo"\n') == "echo"


async def test_a_first_line_may_name_the_face(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s") as line:
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
    tmp_path: Path, first: bytes, code: int, words: str
) -> None:
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s") as line:
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
    tmp_path: Path, body: bytes, id: object, code: int
) -> None:
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s") as line:
        answer = await line.ask(body + b"\n")
        assert (answer["id"], answer["error"]["code"]) == (id, code)
        assert {"kind", "retryable"} <= set(answer["error"]["data"])
        assert "result" in await line.ask(HELLO + b"\n")


async def test_a_message_above_the_limit_is_refused_and_the_connection_lives(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s") as line:
        answer = await line.ask(b'"' + b"x" * (33 * 2**20) + b'"\n')
        assert (answer["error"]["code"], answer["error"]["data"]["limit"]) == (-32013, 32 * 2**20)
        assert "result" in await line.ask(HELLO + b"\n")


async def test_an_answer_that_nobody_asked_for_is_not_answered(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s") as line:
        line.writer.write(b'{"jsonrpc":"2.0","id":9,"result":{}}\n')
        assert (await line.ask(HELLO + b"\n"))["id"] == 1


async def test_of_duplicate_keys_the_last_counts_and_null_params_are_none(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s") as line:
        answer = await line.ask(b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping","params":null,"extra":1}\n')
        assert (answer["id"], "result" in answer) == (2, True)


async def test_content_length_framing_is_mirrored(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s") as line:
        line.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(HELLO), HELLO))
        async with asyncio.timeout(PATIENCE):
            header = await line.reader.readuntil(b"\r\n\r\n")
            body = await line.reader.readexactly(int(header.split(b":")[1]))
        assert "result" in orjson.loads(body)


async def test_answers_reach_a_client_that_has_said_all_it_had_to_say(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s") as line:
        line.writer.write(HELLO + b"\n" + b'{"jsonrpc":"2.0","id":2,"method":"agent/list"}')
        line.writer.write_eof()
        answers = [await line.answer(), await line.answer()]
        assert sorted(answer["id"] for answer in answers) == [1, 2]
        assert await line.answer() is None


async def test_a_client_that_says_nothing_holds_up_neither_others_nor_the_end(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "s"), calling(tmp_path / "s"), calling(tmp_path / "s") as line:
        assert "result" in await line.ask(HELLO + b"\n")
