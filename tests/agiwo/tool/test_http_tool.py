"""Requests of a model: what an answer becomes, and that nothing leads to a private place."""

import asyncio
import gzip
import subprocess
import sys
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from agiwo.errors import ToolError
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.tool import ToolResult
from agiwo.tool.builtin.http_request import HttpRequest
from agiwo.tool.executor import ToolExecutor

pytestmark = pytest.mark.anyio
CONTEXT = ExecutionContext(session_id="s", run_id="r")
LOOPBACK = ["127.0.0.1"]

Answering = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server on loopback that answers as it is told, and remembers what came."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self.seen: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next((int(line[15:]) for line in head.lower().splitlines() if line[:15] == "content-length:"), 0)
            self.seen.append(head + (await reader.readexactly(length)).decode())
            await self._answer(self.seen[-1], writer)
            await writer.drain()
        except (OSError, EOFError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(answer: Answering) -> AsyncGenerator[Server]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


def says(body: bytes, *headers: str, status: str = "200 OK", kind: str = "text/plain") -> Answering:
    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", f"content-type: {kind}", *headers]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    return answer


async def use(tool: HttpRequest, url: str, **arguments: Any) -> ToolResult:
    call = ToolCall("c", "http_request", {"url": url, **arguments})
    return await ToolExecutor([tool]).execute(call, CONTEXT)


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (says(b"hello"), "HTTP 200 OK\ncontent-type: text/plain\n\nhello"),
        (says(b""), "HTTP 200 OK\ncontent-type: text/plain"),
        (says(b'{"a":1}', kind="application/json"), 'HTTP 200 OK\ncontent-type: application/json\n\n{"a":1}'),
        (says(b"no", status="404 Not Found"), "HTTP 404 Not Found\ncontent-type: text/plain\n\nno"),
        (
            says(b"wait", "retry-after: 5", "set-cookie: a=b", status="429 "),
            "HTTP 429 Too Many Requests\ncontent-type: text/plain\nretry-after: 5\n\nwait",
        ),
        (
            says("grüße".encode("latin-1"), kind="text/plain; charset=latin-1"),
            "HTTP 200 OK\ncontent-type: text/plain; charset=latin-1\n\ngrüße",
        ),
        (says(b"x", kind="text/x; charset=none"), "HTTP 200 OK\ncontent-type: text/x; charset=none\n\nx"),
        (
            says(b"\x89PNG\0", kind="image/png"),
            "HTTP 200 OK\ncontent-type: image/png\n\n[5 bytes of image/png, which is not text]",
        ),
        (
            says(gzip.compress(b"pressed"), "content-encoding: gzip"),
            "HTTP 200 OK\ncontent-type: text/plain\n\npressed",
        ),
    ],
)
async def test_an_answer_is_told_with_its_status_and_its_text(answer: Answering, content: str) -> None:
    async with serving(answer) as server:
        result = await use(HttpRequest(allow=LOOPBACK), server.url)

    status = content.split()[1]
    assert result.content.replace("HTTP 429\n", "HTTP 429 Too Many Requests\n") == content
    assert (result.is_success, str(result.output["status"])) == (True, status)


async def test_a_request_is_sent_as_it_was_asked_for() -> None:
    async with serving(says(b"")) as server:
        tool = HttpRequest(allow=LOOPBACK)
        await use(tool, server.url + "a?b=c", method="POST", headers={"X-Key": "k"}, body={"a": [1]})
        await use(tool, server.url, method="PUT", body="plain")
        await use(tool, server.url, method="HEAD")
        json, plain, head = server.seen

    assert json.startswith("POST /a?b=c HTTP/1.1\r\n")
    assert "x-key: k\r\n" in json.lower()
    assert "content-type: application/json\r\n" in json
    assert json.endswith('\r\n\r\n{"a":[1]}')
    assert plain.endswith("\r\n\r\nplain")
    assert head.startswith("HEAD / HTTP/1.1\r\n")


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Proxy-Authorization"])
async def test_headers_of_the_transfer_cannot_be_set(name: str) -> None:
    result = await use(HttpRequest(), "http://example.com/", headers={name: "x"})

    assert result.content == f"Error: the header {name!r} cannot be set here"


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://example.com/", "file:///etc/passwd", "http://", "http://[::1", "http://a b/", "http://x:99999/"],
)
async def test_what_is_no_http_url_is_an_error(url: str) -> None:
    assert not (await use(HttpRequest(), url)).is_success


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "\ud800", "ü\0"])
async def test_a_header_cannot_smuggle_another(value: str) -> None:
    async with serving(says(b"")) as server:
        await use(HttpRequest(allow=LOOPBACK), server.url, headers={"x-a": value})

    assert all("\r\nx: y" not in request and "\nb" not in request.split("\r\n\r\n")[0] for request in server.seen)


# Where it may go

HOSTS = ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]"]


@pytest.mark.parametrize("host", HOSTS)
async def test_this_machine_cannot_be_reached_by_any_name(host: str) -> None:
    async with serving(says(b"secret")) as server:
        result = await use(HttpRequest(), f"http://{host}:{server.port}/")

    assert not result.is_success
    assert server.seen == []


async def test_a_redirect_to_a_private_place_is_not_followed() -> None:
    async with serving(says(b"secret")) as private:
        away = says(b"", f"location: http://localhost:{private.port}/", status="302 Found")
        async with serving(away) as public:
            result = await use(HttpRequest(allow=LOOPBACK, resolve=names(localhost=["10.0.0.1"])), public.url)

    assert "localhost is not on the public internet" in result.content
    assert (len(public.seen), private.seen) == (1, [])


def names(**addresses: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A directory of hosts; a name that is asked for again gives its next address, which is how DNS is rebound."""
    asked: dict[str, int] = {}

    async def resolve(host: str, port: int) -> Sequence[str]:
        known = addresses.get(host, [host])
        number = asked[host] = asked.get(host, -1) + 1
        return [known[min(number, len(known) - 1)]]

    return resolve


async def test_the_address_that_was_checked_is_the_one_that_is_asked() -> None:
    async with serving(says(b"right")) as server:
        # The second look-up would lead elsewhere; there is none.
        tool = HttpRequest(allow=LOOPBACK, resolve=names(rebound=["127.0.0.1", "127.0.0.9"]))
        result = await use(tool, f"http://rebound:{server.port}/")

    assert result.content.endswith("right")
    assert f"host: rebound:{server.port}" in server.seen[0].lower()


async def test_a_name_that_becomes_private_between_two_requests_is_refused() -> None:
    async with serving(says(b"right")) as server:
        tool = HttpRequest(allow=LOOPBACK, resolve=names(rebound=["127.0.0.1", "10.0.0.1"]))
        first = await use(tool, f"http://rebound:{server.port}/")
        second = await use(tool, f"http://rebound:{server.port}/")

    assert (first.is_success, second.is_success, len(server.seen)) == (True, False, 1)


async def test_of_several_addresses_only_those_that_may_be_reached_are_tried() -> None:
    async def both(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.1", "127.0.0.2", "127.0.0.1"]

    async with serving(says(b"right")) as server:
        tool = HttpRequest(allow=["127.0.0.0/8"], resolve=both)
        result = await use(tool, f"http://both:{server.port}/")

    assert result.content.endswith("right")


async def test_a_host_that_nobody_knows_is_an_error_that_names_it() -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        raise ToolError(f"there is no host {host!r}")

    result = await use(HttpRequest(resolve=nobody), "http://nowhere.invalid/")

    assert result.content == "Error: there is no host 'nowhere.invalid'"


async def test_a_proxy_of_the_environment_is_no_way_around_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(says(b"secret")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        result = await use(HttpRequest(), "http://127.0.0.1:9/")

    assert not result.is_success
    assert proxy.seen == []


# Redirects


async def test_a_redirect_is_followed_and_headers_stay_with_the_server_they_were_meant_for() -> None:
    async with serving(says(b"there")) as second:
        away = says(b"", f"location: {second.url}", status="303 See Other")
        async with serving(away) as first:
            headers = {"X-Key": "k", "Authorization": "Bearer b"}
            tool = HttpRequest(allow=LOOPBACK)
            result = await use(tool, first.url, method="POST", body="x", headers=headers)

    assert result.content.endswith("there")
    assert result.output["url"] == second.url
    assert "x-key: k" in first.seen[0].lower()
    assert second.seen[0].startswith("GET / ")
    assert "x-key" not in second.seen[0].lower()
    assert "bearer" not in second.seen[0].lower()


async def test_redirects_in_a_circle_come_to_an_end() -> None:
    async with serving(says(b"", "location: /again", status="302 Found")) as server:
        result = await use(HttpRequest(allow=LOOPBACK), server.url)

    assert "more than 5 redirects" in result.content
    assert len(server.seen) == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://[", "ftp://x/", "http://:99999/", "//"])
async def test_a_redirect_to_nowhere_is_an_error(location: str) -> None:
    async with serving(says(b"", f"location: {location}", status="302 Found")) as server:
        assert not (await use(HttpRequest(allow=LOOPBACK), server.url)).is_success


# Too much, too slow, broken


async def test_a_long_answer_is_cut_and_not_read_to_its_end() -> None:
    async def endless(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with serving(endless) as server:
        result = await use(HttpRequest(allow=LOOPBACK, size=1000), server.url)

    assert result.content.endswith("xxx\n[only the first 1,000 bytes were read]")
    assert result.output["cut"] is True


async def test_a_small_answer_that_stands_for_gigabytes_is_cut() -> None:
    compress = zlib.compressobj(wbits=31)
    bomb = b"".join(compress.compress(bytes(1024 * 1024)) for _ in range(100)) + compress.flush()
    async with serving(says(bomb, "content-encoding: gzip")) as server:
        result = await use(HttpRequest(allow=LOOPBACK), server.url)

    assert "262,144 bytes" in result.content
    assert result.output["cut"] is True


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
async def test_an_answer_in_an_encoding_that_was_not_asked_for_is_an_error(encoding: str) -> None:
    async with serving(says(b"x", f"content-encoding: {encoding}")) as server:
        assert "compressed" in (await use(HttpRequest(allow=LOOPBACK), server.url)).content


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    async def silent(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx")
        await writer.drain()
        await asyncio.Event().wait()

    async with serving(silent) as server:
        result = await use(HttpRequest(allow=LOOPBACK, seconds=0.2), server.url)

    assert result.content == "Error: there was no whole answer within 0.2 seconds"


async def raw(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000,
    ],
)
async def test_a_broken_answer_is_an_error(data: bytes) -> None:
    async with serving(lambda _, writer: raw(writer, data)) as server:
        result = await use(HttpRequest(allow=LOOPBACK), server.url)

    assert result.content.startswith("Error: the request failed")


async def test_a_server_that_is_not_there_is_an_error() -> None:
    async with serving(says(b"")) as server:
        pass

    assert "the request failed" in (await use(HttpRequest(allow=LOOPBACK), server.url)).content


async def test_a_cancelled_request_is_closed() -> None:
    came, closed = asyncio.Event(), asyncio.Event()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        came.set()
        await reader.read()
        closed.set()
        writer.close()

    listening = await asyncio.start_server(watch, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    async with listening:
        running = asyncio.create_task(use(HttpRequest(allow=LOOPBACK), url))
        await came.wait()
        running.cancel()
        async with asyncio.timeout(60):
            await closed.wait()
        await asyncio.wait({running})

    assert running.cancelled()


def test_a_tool_that_only_reads_says_so() -> None:
    only = HttpRequest(methods=("GET", "HEAD"))

    assert (only.effect, HttpRequest().effect) == ("read", "once")
    assert only.get_parameters()["properties"]["method"]["enum"] == ["GET", "HEAD"]


def test_the_http_client_is_loaded_by_the_first_request_and_not_before() -> None:
    code = "import sys; from agiwo.tool.builtin import builtin_tool; builtin_tool('http_request').get_definition(); "
    done = subprocess.run([sys.executable, "-c", code + "sys.exit('httpx2' in sys.modules)"], check=False)

    assert done.returncode == 0
