"""The gate before HTTP, from outside: each combination of Host, Origin, token and method, as bytes on real sockets."""

import json
from collections.abc import Iterator
from itertools import product

import pytest
import raw_http
from agiwod.face.mcp.endpoint import McpEndpoint
from agiwod.face.site import FREE
from daemon_lab import running
from figures import Figures
from http_lab import TOKEN, on_the_web
from raw_http import Field

pytestmark = [pytest.mark.anyio, pytest.mark.security]

OUR_HOSTS = ["127.0.0.1:{port}", "127.0.0.1", "localhost:{port}", "LocalHost", "localhost:1", "[::1]:{port}", "[::1]"]
OTHER_HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.localhost",
    "localhost.",
    "127.0.0.1.",
    "me@localhost",
    "localhost@evil.example",
    "localhost:{port}@evil.example",
    "localhost:80:80",
    "localhost:",
    "localhost:x",
    "localhost:123456",
    "localhost/",
    "localhost,evil.example",
    "localhost evil.example",
    "http://localhost",
    "0.0.0.0",
    "127.1",
    "127.0.0.2",
    "2130706433",
    "0x7f.0.0.1",
    "::1",
    "[::1",
    "[::ffff:127.0.0.1]",
    "[::]",
    "[fe80::1%25lo]",
    "169.254.169.254",
    "loc\xe4lhost",
    "",
]
OUR_ORIGINS = [None, "http://localhost", "https://localhost:3000", "http://127.0.0.1:{port}", "http://[::1]:{port}"]
OTHER_ORIGINS = [
    "null",
    "",
    "http://evil.example",
    "https://evil.example:{port}",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://localhost@evil.example",
    "http://evil.example@localhost",
    "http://localhost.",
    "http://localhost/",
    "http://localhost:x",
    "HTTP://localhost",
    "file://",
    "file://localhost",
    "ftp://localhost",
    "moz-extension://localhost",
    "vscode-webview://localhost",
    "localhost",
    "//localhost",
    "http:localhost",
    "http://[::1",
    "http://0.0.0.0",
    "http://localhost, http://evil.example",
]
OUR_TOKENS = [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "]
OTHER_TOKENS = [
    None,
    "",
    "Bearer",
    "Bearer ",
    TOKEN,
    f"Basic {TOKEN}",
    f"Token {TOKEN}",
    f"Bearer {TOKEN}x",
    f"Bearer {TOKEN[:-1]}",
    f"Bearer {TOKEN.upper()}",
    f"Bearer x {TOKEN}",
    f"Bearer {TOKEN}, Bearer {TOKEN}",
    "Bearer t\xf6ken",
    "Bearer null",
    "Bearer undefined",
]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"]

HOST, ORIGIN, BEARER = OUR_HOSTS[0], None, OUR_TOKENS[0]
META: dict[str, object] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
PARAMS = {"name": "echo", "arguments": {"input": "hi"}, "_meta": META}
CALL = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": PARAMS}).encode()
MCP: list[Field] = [
    ("Accept", "application/json, text/event-stream"),
    ("Content-Type", "application/json"),
    ("MCP-Protocol-Version", "2026-07-28"),
    ("Mcp-Method", "tools/call"),
    ("Mcp-Name", "echo"),
]

Row = tuple[str, str | None, str | None, str]
"""Host, origin, token, method."""


def rows() -> Iterator[Row]:
    """All that a request can come with: each good value with good ones, each bad one with good and with bad ones."""
    yield from product(OUR_HOSTS, OUR_ORIGINS, OUR_TOKENS[:1], ["POST"])
    yield from product(OTHER_HOSTS, [None, "http://localhost", "null"], [BEARER, None], ["POST"])
    yield from product([HOST], OTHER_ORIGINS, [BEARER, None], ["POST", "OPTIONS"])
    yield from product([HOST], [None, "http://localhost"], [*OUR_TOKENS, *OTHER_TOKENS], ["POST"])
    yield from product([HOST], [None], [*OUR_TOKENS[:1], *OTHER_TOKENS[:4]], METHODS)


def expected(row: Row) -> int | None:
    """The refusal that such a request must get, and None when it is to be served."""
    host, origin, token, _ = row
    if host not in OUR_HOSTS:
        return 421
    if origin not in OUR_ORIGINS:
        return 403
    return None if token in OUR_TOKENS else 401


def bytes_of(row: Row, port: int) -> bytes:
    host, origin, token, method = row
    fields = [("Host", host.format(port=port))]
    if origin is not None:
        fields.append(("Origin", origin.format(port=port)))
    if token is not None:
        fields.append(("Authorization", token))
    return raw_http.request(method, "/mcp", [*fields, *MCP], CALL)


async def test_only_who_asks_under_a_name_of_ours_from_no_foreign_page_with_the_token_has_anything_done(
    figures: Figures,
):
    wrong: list[tuple[Row, int]] = []
    told = calls = 0
    all_rows = list(dict.fromkeys(rows()))
    async with running() as daemon, on_the_web(daemon) as web:
        port = int(web.url.rpartition(":")[2])
        for row in all_rows:
            said = await raw_http.ask(web.url, bytes_of(row, port))
            refusal = expected(row)
            is_served = said.status not in (400, 401, 403, 421)
            if (said.status != refusal) if refusal else not is_served:
                wrong.append((row, said.status))
            told += any(name.startswith("access-control-") for name in said.headers)
            calls += refusal is None and row[3] == "POST"
        runs = len(await daemon.runs.list())
    assert wrong == []
    figures("combinations", len(all_rows), at_least=300)
    figures("answers that let a page of elsewhere read them", told, at_most=0)
    figures("runs started beyond those that were allowed", runs - calls, at_most=0, at_least=0)


async def test_every_route_and_every_path_that_is_none_asks_for_the_token_whatever_the_method(figures: Figures):
    assert FREE == ("/healthz",)
    asked = 0
    async with running() as daemon, on_the_web(daemon) as web:
        assert {"/mcp", "/metrics", "/healthz"} <= set(web.site.paths)
        none = ["/", "/nothing", "/mcp/", "/mcp/x", "//healthz", "/healthz/", "/healthz/../mcp", "/healthz;/mcp", "*"]
        none += ["/HEALTHZ", "/healthz%2f..%2fmcp", "/healthz%00", "http://localhost/healthz", "/.well-known/x"]
        for path, method in product([*web.site.paths, *none], METHODS):
            if path == "/healthz":
                continue
            said = await raw_http.ask(web.url, raw_http.request(method, path, [("Host", "localhost")]))
            assert (path, method, said.status) == (path, method, 401)
            assert said.headers["www-authenticate"] == "Bearer"
            asked += 1
        for method in METHODS:  # the free one tells a word, and does nothing
            said = await raw_http.ask(web.url, raw_http.request(method, "/healthz", [("Host", "localhost")]))
            assert (method, said.status) == (method, 200 if method in ("GET", "HEAD") else 405)
    figures("requests without the token that were refused", asked, at_least=100)


@pytest.mark.parametrize("token", [None, BEARER])
async def test_no_socket_of_the_web_is_opened(token: str | None):
    upgrade = [
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "x3JJHMbDL1EzLkh9GBhXDw=="),
        ("Sec-WebSocket-Version", "13"),
    ]
    fields = [("Host", "localhost"), *upgrade, *([("Authorization", token)] if token else [])]
    async with running() as daemon, on_the_web(daemon) as web:
        for path in (*web.site.paths, "/"):
            data = raw_http.request("GET", path, fields).replace(b"Connection: close", b"Connection: Upgrade, close")
            said = await raw_http.ask(web.url, data)
            assert said.status not in (101, 200 if path != "/healthz" and token is None else 101)


GOOD = f"Host: localhost\r\nAuthorization: {BEARER}\r\n"
SMUGGLED = f"GET /metrics HTTP/1.1\r\n{GOOD}Connection: close\r\n\r\n"
NUMBERED = "".join(f"X{number}: y\r\n" for number in range(100_000))
LENGTH = f"Content-Length: {len(SMUGGLED)}\r\n"
AMBIGUOUS = {
    "no host": "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": f"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n{GOOD}\r\n",
    "a folded host": f"GET /metrics HTTP/1.1\r\nHost:\r\n evil.example\r\n{GOOD}\r\n",
    "a space before the colon": f"GET /metrics HTTP/1.1\r\nHost : localhost\r\n{GOOD}\r\n",
    "a name with a space": f"GET /metrics HTTP/1.1\r\nX Y: z\r\n{GOOD}\r\n",
    "a header without a name": f"GET /metrics HTTP/1.1\r\n: z\r\n{GOOD}\r\n",
    "nothing of a byte": f"GET /metrics HTTP/1.1\r\nX: a\0b\r\n{GOOD}\r\n",
    "a return in a header": f"GET /metrics HTTP/1.1\r\nX: a\rHost: evil\r\n{GOOD}\r\n",
    "two lengths": f"POST /mcp HTTP/1.1\r\n{GOOD}Content-Length: 0\r\n{LENGTH}\r\n{SMUGGLED}",
    "a length with a sign": f"POST /mcp HTTP/1.1\r\n{GOOD}Content-Length: +{len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "a length below nothing": f"POST /mcp HTTP/1.1\r\n{GOOD}Content-Length: -1\r\n\r\n{SMUGGLED}",
    "an unknown coding": f"POST /mcp HTTP/1.1\r\n{GOOD}Transfer-Encoding: xchunked\r\n\r\n{SMUGGLED}",
    "two codings": f"POST /mcp HTTP/1.1\r\n{GOOD}Transfer-Encoding: chunked, identity\r\n\r\n{SMUGGLED}",
    "a target with a space": f"GET /metrics /mcp HTTP/1.1\r\n{GOOD}\r\n",
    "a long target": f"GET /{'x' * 1_000_000} HTTP/1.1\r\n{GOOD}\r\n",
    "a long header": f"GET /metrics HTTP/1.1\r\n{GOOD}X: {'x' * 1_000_000}\r\n\r\n",
    "many headers": f"GET /metrics HTTP/1.1\r\n{GOOD}{NUMBERED}\r\n",
}


async def test_what_two_readers_could_understand_differently_is_refused_whole():
    async with running() as daemon, on_the_web(daemon) as web:
        for what, data in AMBIGUOUS.items():
            said = await raw_http.ask(web.url, data.encode("latin-1"))
            assert (what, len(said.statuses), said.status in (400, 421, 501)) == (what, 1, True)
            assert "agiwo_runs" not in said.text


async def test_what_comes_behind_a_refused_request_is_not_read():
    async with running() as daemon, on_the_web(daemon) as web:
        for body in ("", "x" * 100):
            refused = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            said = await raw_http.ask(web.url, f"{refused}{SMUGGLED}".encode())
            assert said.statuses == (401,)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [("evil.example", None, 421), ("localhost", "http://evil.example", 403), ("localhost", "null", 403)],
)
async def test_mcp_refuses_names_and_pages_also_where_no_gate_stands_before_it(
    host: str, origin: str | None, status: int
):
    async with running() as daemon:
        endpoint = McpEndpoint(daemon, ["localhost"])
        async with on_the_web(daemon, endpoint) as web:
            said = await raw_http.ask(web.url, bytes_of((host, origin, BEARER, "POST"), 1))
            assert (said.status, await daemon.runs.list()) == (status, [])
            await endpoint.close()
