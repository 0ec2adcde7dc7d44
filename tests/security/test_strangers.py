"""Those who come over a network and do not say who they are: sent away in time, few at once, and in nobody's way."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
import raw_http
from agiwo.errors import ConfigError
from agiwo_protocol.catalog import METHODS
from agiwo_protocol.paths import locate
from agiwod.entrance import entrances
from agiwod.face import FACES
from agiwod.face.door import Door
from agiwod.face.lock import Lock
from agiwod.settings import load_settings
from agiwod.strangers import most_of, open_files
from agiwod.transport.listener import split
from daemon_lab import PATIENCE, running
from figures import Figures
from http_lab import TOKEN, on_the_web
from transport_lab import HELLO, Line, calling, serving_tcp

pytestmark = [pytest.mark.anyio, pytest.mark.security]

MANY, MOST = 200, 16
SLOWLY = {
    "nothing": b"",
    "half a line": b"GET /metrics HT",
    "half a head": b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: ",
}
"""What somebody says who wants to be waited for."""

Open = list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]


@asynccontextmanager
async def many(place: str, words: bytes, number: int = MANY) -> AsyncGenerator[Open]:
    """So many strangers, who have said this."""
    opened: Open = []
    try:
        for _ in range(number):
            reader, writer = await asyncio.open_connection(*split(place))
            opened.append((reader, writer))
            writer.write(words)
        yield opened
    finally:
        for _, writer in opened:
            writer.close()


async def heard(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side ends it."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await reader.read()
    except ConnectionError:
        return b""


async def ended(opened: Open) -> int:
    """How many of the first have been sent away, once all have that must be."""
    return len(await asyncio.gather(*(heard(reader) for reader, _ in opened[: MANY - MOST])))


@pytest.mark.parametrize("words", SLOWLY.values(), ids=SLOWLY)
async def test_of_many_who_never_finish_a_head_few_are_kept_and_others_are_served(words: bytes, figures: Figures):
    async with (
        running() as daemon,
        on_the_web(daemon, patience=60, most=MOST) as web,
        many(web.url.removeprefix("http://"), words) as opened,
    ):
        figures("sent away for lack of room", await ended(opened), at_least=MANY - MOST)
        assert (await web.client.get("/metrics")).status_code == 200


async def test_as_many_as_may_wait_keep_nobody_out(figures: Figures):
    async with (
        running() as daemon,
        on_the_web(daemon, patience=60) as web,
        many(web.url.removeprefix("http://"), b"GET / HT", most_of(open_files()) + MOST) as opened,
    ):
        assert [await heard(reader) for reader, _ in opened[:MOST]] == [b""] * MOST
        figures("strangers who wait", len(opened) - MOST, at_least=most_of(open_files()))
        assert (await web.client.get("/metrics")).status_code == 200


async def test_a_head_that_comes_byte_by_byte_has_one_patience_for_all_of_it():
    async with running() as daemon, on_the_web(daemon, patience=0.2) as web:
        reader, writer = await asyncio.open_connection(*split(web.url.removeprefix("http://")))
        hearing = asyncio.create_task(heard(reader))
        while not hearing.done():
            writer.write(b"x")
            await asyncio.wait([hearing], timeout=0.02)
        assert hearing.result() == b""
        writer.close()


async def test_a_refused_body_is_not_waited_for():
    head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    async with running() as daemon, on_the_web(daemon) as web:
        for expect in ("", "Expect: 100-continue\r\n"):
            said = await raw_http.ask(web.url, head.replace("\r\n\r\n", f"\r\n{expect}\r\n").encode())
            assert said.statuses == (401,)


async def test_who_has_asked_once_is_no_stranger_while_it_thinks():
    async with running() as daemon, on_the_web(daemon, patience=60, most=1) as web:
        assert (await web.client.get("/metrics")).status_code == 200
        opened = [await asyncio.open_connection(*split(web.url.removeprefix("http://"))) for _ in range(3)]
        assert [await heard(reader) for reader, _ in opened[:2]] == [b"", b""]
        assert (await web.client.get("/metrics")).status_code == 200
        for _, writer in opened:
            writer.close()


async def test_of_many_who_do_not_say_the_token_few_are_kept_and_who_says_it_is_served(figures: Figures):
    lock = Lock(TOKEN, patience=60, most=MOST)
    async with running() as daemon, serving_tcp(Door(daemon, lock).converse) as place:
        assert isinstance(place, str)
        async with many(place, b'{"jsonrpc":"2.0",') as opened:
            figures("sent away for lack of room", await ended(opened), at_least=MANY - MOST)
            async with calling(place) as line:
                assert "result" in await line.ask(hello())


def hello() -> bytes:
    message = orjson.loads(HELLO)
    message["params"]["token"] = TOKEN
    return orjson.dumps(message) + b"\n"


@asynccontextmanager
async def at_the_lock() -> AsyncGenerator[Line]:
    async with running() as daemon, serving_tcp(Door(daemon, Lock(TOKEN)).converse) as place, calling(place) as line:
        yield line


async def test_every_method_is_refused_before_the_token(figures: Figures):
    async with at_the_lock() as line:
        for id, method in enumerate(METHODS):
            asked = {"jsonrpc": "2.0", "id": id, "method": method}
            answer = await line.ask(orjson.dumps(asked) + b"\n")
            assert (method, answer["id"], answer["error"]["code"]) == (method, id, -32003)
        figures("methods refused before the token", len(METHODS), at_least=30)


@pytest.mark.parametrize("face", [*FACES, "none"])
async def test_no_face_is_heard_before_the_token(face: str):
    async with at_the_lock() as line:
        line.writer.write(f"AGIWOD/1 face={face}\n".encode())
        answer = await line.ask(b'{"jsonrpc":"2.0","id":7,"method":"tools/list"}\n')
        assert answer["error"]["code"] == -32003


async def test_a_page_that_posts_to_the_port_of_the_protocol_has_nothing_done():
    """What a browser sends reads as lines, the body too; but no page knows the token."""
    body = b'{"jsonrpc":"2.0","id":7,"method":"run/start","params":{"input":"hi"}}\n'
    async with running() as daemon, serving_tcp(Door(daemon, Lock(TOKEN)).converse) as place, calling(place) as line:
        line.writer.write(raw_http.request("POST", "/", [("Host", "localhost"), ("Origin", "http://evil")], body))
        line.writer.write_eof()
        assert b"result" not in await heard(line.reader)
        assert await daemon.runs.list() == []


@pytest.mark.parametrize("way", ["tcp", "http"])
@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_other_machines_come_in_only_where_the_user_has_said_so(tmp_path: Path, way: str, host: str):
    def enter(**more: object) -> None:
        settings = load_settings(tmp_path, {f"serve.{way}": f"{host}:0", **more}, {})
        with entrances(settings, locate(tmp_path), lambda _: None) as entered:
            assert getattr(entered.places, way)

    with pytest.raises(ConfigError, match=r"nothing is encrypted on the way; .* allow_remote = true"):
        enter()
    enter(**{"serve.allow_remote": True})


@pytest.mark.parametrize(("files", "most"), [(1024, 256), (20_000, 1024), (3, 1)])
def test_strangers_leave_most_of_the_open_files_to_others(files: int, most: int):
    assert most_of(files) == most
