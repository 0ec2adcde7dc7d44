"""Everything that a client can say wrong: each is answered as the table says, and the daemon goes on serving."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from agiwo_protocol.catalog import EVENTS, METHODS
from agiwo_protocol.schema import open_rpc, published_name, shapes
from terminal_lab import CONFIG, Home, home_at
from wire_line import HELLO, Line, Style, Way, line_to

SILENT: Final = None
"""What is expected when no answer is."""

DEEP: Final = 100_000
MEGABYTE: Final = 2**20


def call(method: str, params: str = "{}", id: str = "7", more: str = "") -> bytes:
    return f'{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}{more}}}'.encode()


def framed(body: bytes, length: object = None) -> bytes:
    return f"Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


IDLE: Final = """
[agents.idle]
description = "Takes ten minutes to say a word"
model = "scripted:idle.json"
"""

PING: Final = call("ping", id='"p"')
PARSE, REQUEST, METHOD, PARAMS = -32700, -32600, -32601, -32602

# What is wrong | the message | code, kind and id of its answer (code 0: a result; None: no answer).
# All on a connection that has shaken hands and lives on; in both framings.
MESSAGES: Final[list[tuple[str, bytes, tuple[int, str, Any] | None]]] = [
    # not JSON
    ("not JSON", b"hello", (PARSE, "parse_error", None)),
    ("half an object", b'{"jsonrpc":"2.0","id":1', (PARSE, "parse_error", None)),
    ("single quotes", b"{'id':1}", (PARSE, "parse_error", None)),
    ("a trailing comma", b'{"jsonrpc":"2.0","id":1,"method":"ping",}', (PARSE, "parse_error", None)),
    ("a comment", b'{"jsonrpc":"2.0","id":1,"method":"ping"} // hi', (PARSE, "parse_error", None)),
    ("two objects", b'{"jsonrpc":"2.0","id":1,"method":"ping"}{}', (PARSE, "parse_error", None)),
    ("a byte order mark", b"\xef\xbb\xbf" + PING, (PARSE, "parse_error", None)),
    ("UTF-16", PING.decode().encode("utf-16-be").replace(b"\n", b""), (PARSE, "parse_error", None)),
    ("invalid UTF-8", b'{"jsonrpc":"2.0","id":"\xff\xfe","method":"ping"}', (PARSE, "parse_error", None)),
    ("an overlong encoding", b'{"jsonrpc":"2.0","id":"\xc0\xaf","method":"ping"}', (PARSE, "parse_error", None)),
    ("a surrogate as UTF-8", b'{"jsonrpc":"2.0","id":"\xed\xa0\x80","method":"ping"}', (PARSE, "parse_error", None)),
    ("a lone surrogate", b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}', (PARSE, "parse_error", None)),
    ("a control character in a string", b'{"jsonrpc":"2.0","id":"\x01","method":"ping"}', (PARSE, "parse_error", None)),
    ("NUL bytes", b"\x00\x00\x00", (PARSE, "parse_error", None)),
    ("NaN", call("ping", "NaN"), (PARSE, "parse_error", None)),
    ("Infinity", call("ping", "Infinity"), (PARSE, "parse_error", None)),
    ("minus Infinity", call("ping", '{"a":-Infinity}'), (PARSE, "parse_error", None)),
    ("1e999", call("ping", '{"a":1e999}'), (PARSE, "parse_error", None)),
    ("a number of 4,000 digits", call("ping", f'{{"a":{"9" * 4000}}}'), (PARSE, "parse_error", None)),
    ("a leading zero", call("ping", '{"a":01}'), (PARSE, "parse_error", None)),
    ("hexadecimal", call("ping", '{"a":0x1}'), (PARSE, "parse_error", None)),
    ("arrays without end", b"[" * DEEP, (PARSE, "parse_error", None)),
    ("arrays 100,000 deep", b"[" * DEEP + b"]" * DEEP, (PARSE, "parse_error", None)),
    ("params 100,000 deep", call("ping", '{"a":' * DEEP + "1" + "}" * DEEP), (PARSE, "parse_error", None)),
    ("random bytes", bytes(byte for byte in range(11, 256)), (PARSE, "parse_error", None)),
    # JSON, and no message
    ("null", b"null", (REQUEST, "invalid_request", None)),
    ("true", b"true", (REQUEST, "invalid_request", None)),
    ("a number", b"42", (REQUEST, "invalid_request", None)),
    ("a string", b'"ping"', (REQUEST, "invalid_request", None)),
    ("an empty batch", b"[]", (REQUEST, "batch_unsupported", None)),
    ("a batch", b"[" + PING + b"," + PING + b"]", (REQUEST, "batch_unsupported", None)),
    ("a batch of numbers", b"[1,2,3]", (REQUEST, "batch_unsupported", None)),
    ("an empty object", b"{}", (REQUEST, "invalid_request", None)),
    ("an id alone", b'{"id":1}', (REQUEST, "invalid_request", 1)),
    ("no jsonrpc", b'{"id":1,"method":"ping"}', (REQUEST, "invalid_request", 1)),
    ("jsonrpc 1.0", b'{"jsonrpc":"1.0","id":1,"method":"ping"}', (REQUEST, "invalid_request", 1)),
    ("jsonrpc as a number", b'{"jsonrpc":2.0,"id":1,"method":"ping"}', (REQUEST, "invalid_request", 1)),
    ("jsonrpc null", b'{"jsonrpc":null,"id":1,"method":"ping"}', (REQUEST, "invalid_request", 1)),
    ("keys in another case", b'{"JSONRPC":"2.0","ID":1,"METHOD":"ping"}', (REQUEST, "invalid_request", None)),
    ("no method", b'{"jsonrpc":"2.0","id":1}', (REQUEST, "invalid_request", 1)),
    ("method null", b'{"jsonrpc":"2.0","id":1,"method":null}', (REQUEST, "invalid_request", 1)),
    ("method as a number", b'{"jsonrpc":"2.0","id":"x","method":1}', (REQUEST, "invalid_request", "x")),
    ("method as a list", b'{"jsonrpc":"2.0","id":1,"method":["ping"]}', (REQUEST, "invalid_request", 1)),
    ("params as a string", call("ping", '"x"'), (REQUEST, "invalid_request", 7)),
    ("params as a number", call("ping", "1"), (REQUEST, "invalid_request", 7)),
    ("params as a boolean", call("ping", "false"), (REQUEST, "invalid_request", 7)),
    # ids of every type
    ("an id null", call("ping", id="null"), (REQUEST, "invalid_request", None)),
    ("an id true", call("ping", id="true"), (REQUEST, "invalid_request", None)),
    ("a fractional id", call("ping", id="1.5"), (REQUEST, "invalid_request", None)),
    ("a whole id with a point", call("ping", id="1.0"), (REQUEST, "invalid_request", None)),
    ("an object as id", call("ping", id="{}"), (REQUEST, "invalid_request", None)),
    ("a list as id", call("ping", id="[1]"), (REQUEST, "invalid_request", None)),
    ("an id of more than 64 bits", call("ping", id="18446744073709551616"), (REQUEST, "invalid_request", None)),
    ("the largest id", call("ping", id="18446744073709551615"), (0, "", 18446744073709551615)),
    ("a negative id", call("ping", id="-9223372036854775808"), (0, "", -9223372036854775808)),
    ("an id of zero", call("ping", id="0"), (0, "", 0)),
    ("an empty string as id", call("ping", id='""'), (0, "", "")),
    ("a string with an escape as id", call("ping", id='"\\u0000\\n\\ud83d\\ude00"'), (0, "", "\0\n\U0001f600")),
    ("an id of a megabyte", call("ping", id=f'"{"x" * MEGABYTE}"'), (0, "", "x" * MEGABYTE)),
    # what is odd and allowed
    ("params null", call("ping", "null"), (0, "", 7)),
    ("no params", b'{"jsonrpc":"2.0","id":7,"method":"ping"}', (0, "", 7)),
    ("unknown members everywhere", call("ping", '{"x":1}', more=',"_meta":{},"trace":[]'), (0, "", 7)),
    ("keys twice", b'{"jsonrpc":"1.0","id":1,"method":"no","jsonrpc":"2.0","id":2,"method":"ping"}', (0, "", 2)),
    ("blanks around it", b" \t " + call("ping") + b" \r", (0, "", 7)),
    ("an object of 200,000 keys", call("ping", json.dumps(dict.fromkeys(map(str, range(200_000)), 0))), (0, "", 7)),
    # methods that there are not
    ("an unknown method", call("run/begin"), (METHOD, "method_not_found", 7)),
    ("an empty method", call(""), (METHOD, "method_not_found", 7)),
    ("another case", call("Ping"), (METHOD, "method_not_found", 7)),
    ("a method of ten megabytes", call("x" * 10 * MEGABYTE), (METHOD, "method_not_found", 7)),
    ("a name of Python", call("__class__"), (METHOD, "method_not_found", 7)),
    ("a notification asked", call("initialized"), (METHOD, "method_not_found", 7)),
    ("a method of our side", call("run/event"), (METHOD, "method_not_found", 7)),
    ("a cancel asked", call("$/cancelRequest", '{"id":1}'), (METHOD, "method_not_found", 7)),
    # params that do not fit
    ("a list of params", call("run/get", '["run_1"]'), (PARAMS, "invalid_params", 7)),
    ("a list where nothing is wanted", call("ping", "[1]"), (PARAMS, "invalid_params", 7)),
    ("a member that is missing", call("run/get"), (PARAMS, "invalid_params", 7)),
    ("a member in another case", call("run/get", '{"runid":"x"}'), (PARAMS, "invalid_params", 7)),
    ("a member in snake case", call("run/get", '{"run_id":"x"}'), (PARAMS, "invalid_params", 7)),
    (
        "params are looked at before the run",
        call("run/events", '{"runId":"x","after":-1}'),
        (PARAMS, "invalid_params", 7),
    ),
    ("a limit of 0", call("run/list", '{"limit":0}'), (PARAMS, "invalid_params", 7)),
    ("a limit of a million", call("run/list", '{"limit":1000000}'), (PARAMS, "invalid_params", 7)),
    ("a limit with a point", call("run/list", '{"limit":1.0}'), (PARAMS, "invalid_params", 7)),
    (
        "a position of 64 bits",
        call("run/events", '{"runId":"x","after":18446744073709551615}'),
        (PARAMS, "invalid_params", 7),
    ),
    ("a deadline beyond time", call("daemon/drain", '{"seconds":1e308}'), (PARAMS, "invalid_params", 7)),
    (
        "an id of a megabyte to look up",
        call("run/get", f'{{"runId":"{"x" * MEGABYTE}"}}'),
        (PARAMS, "invalid_params", 7),
    ),
    (
        "a million parts that are none",
        call("run/start", f'{{"agent":"quick","input":[{"0," * 1_000_000}0]}}'),
        (PARAMS, "invalid_params", 7),
    ),
    ("a cursor of another list", call("agent/list", '{"cursor":"x"}'), (PARAMS, "invalid_params", 7)),
    ("an unknown topic", call("event/subscribe", '{"topics":["weather"]}'), (PARAMS, "invalid_params", 7)),
    # what is well-formed, and not to be had
    ("a run that there is not", call("run/get", '{"runId":"run_x"}'), (-32004, "not_found", 7)),
    ("a run with a NUL in its name", call("run/get", '{"runId":"\\u0000"}'), (-32004, "not_found", 7)),
    ("an agent that there is not", call("run/start", '{"agent":"x","input":"hi"}'), (-32004, "not_found", 7)),
    (
        "a position above every event",
        call("event/subscribe", '{"topics":["run"],"after":9007199254740991}'),
        (-32014, "cursor_expired", 7),
    ),
    ("a second handshake", HELLO.replace(b'"hello"', b"7"), (REQUEST, "already_initialized", 7)),
    # notifications and answers: nobody answers them
    ("an unknown notification", b'{"jsonrpc":"2.0","method":"no/such"}', SILENT),
    ("a notification with params of a wrong type", b'{"jsonrpc":"2.0","method":"initialized","params":[1]}', SILENT),
    ("a request as a notification", b'{"jsonrpc":"2.0","method":"daemon/stop","params":{"seconds":0}}', SILENT),
    ("a cancel of nothing", b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":99}}', SILENT),
    ("a cancel of a list", b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":[1]}}', SILENT),
    ("a cancel without params", b'{"jsonrpc":"2.0","method":"$/cancelRequest"}', SILENT),
    ("an answer nobody asked for", b'{"jsonrpc":"2.0","id":1,"result":{}}', SILENT),
    ("an answer with an unknown id", b'{"jsonrpc":"2.0","id":"x","result":null}', SILENT),
    ("an answer without an id", b'{"jsonrpc":"2.0","result":1}', SILENT),
    ("an answer without jsonrpc", b'{"id":1,"result":1}', SILENT),
    ("an error nobody asked for", b'{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}', SILENT),
    ("an error that is none", b'{"jsonrpc":"2.0","id":null,"error":"no"}', SILENT),
]

# On a connection on which nothing was said before; it lives on.
FIRST: Final[list[tuple[str, bytes, tuple[int, str, Any] | None]]] = [
    ("a request", call("run/list"), (-32002, "not_initialized", 7)),
    ("an unknown method", call("no/such"), (-32002, "not_initialized", 7)),
    ("params that do not fit", call("run/get", "[]"), (-32002, "not_initialized", 7)),
    ("a shutdown", call("shutdown"), (-32002, "not_initialized", 7)),
    ("a ping", call("ping"), (0, "", 7)),
    ("a look at the daemon", call("daemon/status"), (0, "", 7)),
    ("a look at the protocol", call("rpc/discover"), (0, "", 7)),
    ("a notification", b'{"jsonrpc":"2.0","method":"initialized"}', SILENT),
    ("a handshake of version 2", HELLO.replace(b'Version":1', b'Version":2'), (-32009, "unsupported_version", "hello")),
    ("a handshake of version 0", HELLO.replace(b'Version":1', b'Version":0'), (-32009, "unsupported_version", "hello")),
    ("a handshake of version one", HELLO.replace(b'Version":1', b'Version":"1"'), (PARAMS, "invalid_params", "hello")),
    ("a handshake without params", call("initialize"), (PARAMS, "invalid_params", 7)),
    ("a handshake with a list", call("initialize", "[1]"), (PARAMS, "invalid_params", 7)),
    ("a name of a megabyte", HELLO.replace(b'"t"', b'"' + b"t" * MEGABYTE + b'"'), (PARAMS, "invalid_params", "hello")),
    (
        "a million runs to follow",
        HELLO.replace(b"}}}", b'},"attach":[' + b"0," * 10**6 + b"0]}}"),
        (PARAMS, "invalid_params", "hello"),
    ),
]

# What is wrong | the framing | the bytes as they are | code and kind of each answer, with id null | does it live on?
# A request of the id `p` among them is answered besides.
STREAMS: Final[list[tuple[str, Style, bytes, list[tuple[int, str]], bool]]] = [
    ("an empty line", "newline", b"\n", [], True),
    ("only whitespace", "newline", b" \t\r\n \n\n", [], True),
    ("garbage", "newline", b"\x80\x81\x82\n", [(PARSE, "parse_error")], True),
    ("a request of HTTP", "newline", b"GET / HTTP/1.1\n", [(PARSE, "parse_error")], True),
    ("a hello of TLS", "newline", b"\x16\x03\x01\x02\x00\x01\n", [(PARSE, "parse_error")], True),
    ("40 megabytes in a line", "newline", b"x" * 40 * MEGABYTE + b"\n", [(-32013, "message_too_large")], True),
    (
        "40 megabytes of JSON",
        "newline",
        call("ping", f'{{"a":"{"x" * 40 * MEGABYTE}"}}') + b"\n",
        [(-32013, "message_too_large")],
        True,
    ),
    (
        "headers in a newline connection",
        "newline",
        PING + b"\n" + b"Content-Length: 2\r\n\r\n",
        [(PARSE, "parse_error")],
        True,
    ),
    ("40 megabytes announced", "content-length", framed(b"{}", 40 * MEGABYTE), [(-32013, "message_too_large")], False),
    ("a length of 40 digits", "content-length", framed(b"{}", "9" * 40), [(-32013, "message_too_large")], False),
    ("a negative length", "content-length", framed(b"{}", -2), [(PARSE, "parse_error")], False),
    ("a length with a sign", "content-length", framed(b"{}", "+2"), [(PARSE, "parse_error")], False),
    ("a length in hexadecimal", "content-length", framed(b"{}", "0x2"), [(PARSE, "parse_error")], False),
    ("a length with a point", "content-length", framed(b"{}", "2.0"), [(PARSE, "parse_error")], False),
    ("no length", "content-length", b"Content-Length: \r\n\r\n{}", [(PARSE, "parse_error")], False),
    ("another header only", "content-length", b"Content-Type: json\r\n\r\n{}", [(PARSE, "parse_error")], False),
    (
        "two lengths that differ",
        "content-length",
        b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
        [(PARSE, "parse_error")],
        False,
    ),
    (
        "the same length twice",
        "content-length",
        b"Content-Length: 2\r\ncontent-length: 2\r\n\r\n{}",
        [(REQUEST, "invalid_request")],
        True,
    ),
    ("headers in lower case", "content-length", b"content-length:2\r\n\r\n{}", [(REQUEST, "invalid_request")], True),
    ("headers with bare newlines", "content-length", b"Content-Length: 2\n\n{}", [(REQUEST, "invalid_request")], True),
    ("a length of 0", "content-length", framed(b""), [(PARSE, "parse_error")], True),
    ("a length that is too short", "content-length", framed(PING, len(PING) - 1), [(PARSE, "parse_error")] * 2, False),
    (
        "a line in a Content-Length connection",
        "content-length",
        framed(b"[]") + PING + b"\n",
        [(REQUEST, "batch_unsupported"), (PARSE, "parse_error")],
        False,
    ),
    ("headers without end", "content-length", b"C" * 9000, [(PARSE, "parse_error")], False),
    (
        "a header of 9 kilobytes",
        "content-length",
        b"Content-X: " + b"x" * 9000 + b"\r\n\r\n",
        [(PARSE, "parse_error")],
        False,
    ),
]

# The same of the first line of a connection, which `agiwod stdio` says itself.
OPENINGS: Final[list[tuple[str, Style, bytes, list[tuple[int, str]], bool]]] = [
    ("an opening line of another version", "newline", b"AGIWOD/2 face=rpc\n", [(-32009, "unsupported_version")], False),
    ("an opening line without a version", "newline", b"AGIWOD/ face=rpc\n", [(-32009, "unsupported_version")], False),
    ("an unknown face", "newline", b"AGIWOD/1 face=soap\n", [(REQUEST, "invalid_request")], False),
    ("an empty face", "newline", b"AGIWOD/1 face=\n", [(REQUEST, "invalid_request")], False),
    (
        "an opening line of 5 kilobytes",
        "newline",
        b"AGIWOD/1 cwd=" + b"x" * 5000 + b"\n",
        [(REQUEST, "invalid_request")],
        False,
    ),
    ("an opening line without end", "newline", b"AGIWOD/1 cwd=" + b"x" * 5000, [(REQUEST, "invalid_request")], False),
    ("a percent sign alone", "newline", b"AGIWOD/1 face=rpc cwd=%\n", [(REQUEST, "invalid_request")], False),
    (
        "a percent sign before no number",
        "newline",
        b"AGIWOD/1 face=rpc cwd=%zz\n",
        [(REQUEST, "invalid_request")],
        False,
    ),
    ("a value that is no UTF-8", "newline", b"AGIWOD/1 face=rpc cwd=%ff\n", [(REQUEST, "invalid_request")], False),
    ("a word without a value", "newline", b"AGIWOD/1 face\n", [(REQUEST, "invalid_request")], False),
    (
        "an opening line that is not ASCII",
        "newline",
        "AGIWOD/1 cwd=/ü\n".encode(),
        [(REQUEST, "invalid_request")],
        False,
    ),
    (
        "an opening line that is in order",
        "newline",
        b"AGIWOD/1 face=rpc cwd=%2Fhome token=a%20b version=9.9\n",
        [],
        True,
    ),
    ("an opening line twice", "newline", b"AGIWOD/1 face=rpc\nAGIWOD/1 face=rpc\n", [(PARSE, "parse_error")], True),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("bad") / "home", CONFIG + IDLE) as home:
        (home.path / "idle.json").write_text(json.dumps({"turns": [{"text": "late", "delayMs": 600_000}]}))
        assert home.run("start").code == 0
        pid = home.pid()
        yield home
        assert home.pid() == pid, "the daemon has been started anew"
        assert "Traceback" not in home.paths.log_file.read_text()


@pytest.fixture(params=["newline", "content-length"], scope="module")
def style(request: pytest.FixtureRequest) -> Style:
    return request.param


@pytest.fixture(params=["socket", "stdio"], scope="module")
def way(request: pytest.FixtureRequest) -> Way:
    return request.param


@pytest.fixture(scope="module")
def line(home: Home, way: Way, style: Style) -> Iterator[Line]:
    """A line on which hands were shaken, and which must survive everything that is said on it."""
    with line_to(home, way, style) as line:
        line.greet()
        yield line


def answers(line: Line, expected: object) -> list[Any]:
    """What was answered to the last message; a ping is answered after it, or before it at worst."""
    told = line.ping()
    return told if told or expected is SILENT else [line.read()]


def check(told: list[Any], expected: tuple[int, str, Any] | None) -> None:
    if expected is None:
        assert told == []
        return
    (answer,) = told
    code, kind, id = expected
    assert answer["jsonrpc"] == "2.0"
    assert answer["id"] == id
    assert type(answer["id"]) is type(id)
    if code == 0:
        assert set(answer) == {"jsonrpc", "id", "result"}
        return
    assert set(answer) == {"jsonrpc", "id", "error"}
    assert (answer["error"]["code"], answer["error"]["data"]["kind"]) == (code, kind)
    assert isinstance(answer["error"]["message"], str)
    assert isinstance(answer["error"]["data"]["retryable"], bool)
    assert len(json.dumps(answer)) < 4000, "an answer to a mistake is short"


def check_stream(line: Line, expected: list[tuple[int, str]], lives: bool) -> None:
    told = line.ping() if lives else line.read_all()
    wrong = [each for each in told if each.get("id") != "p"]
    assert len(wrong) == len(expected), wrong
    for answer, (code, kind) in zip(wrong, expected, strict=True):
        check([answer], (code, kind, None))


def test_the_table_is_long_enough() -> None:
    names = [[row[0] for row in MESSAGES], [row[0] for row in FIRST], [row[0] for row in STREAMS + OPENINGS]]
    assert all(len(set(each)) == len(each) for each in names)
    assert sum(map(len, names)) >= 80


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in MESSAGES], ids=[row[0] for row in MESSAGES])
def test_a_wrong_message_is_answered_and_the_connection_lives_on(
    line: Line, body: bytes, expected: tuple[int, str, Any] | None
) -> None:
    line.tell(body)
    check(answers(line, expected), expected)


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in FIRST], ids=[row[0] for row in FIRST])
def test_what_comes_before_the_handshake_is_answered_and_hands_can_still_be_shaken(
    home: Home, way: Way, body: bytes, expected: tuple[int, str, Any] | None
) -> None:
    with line_to(home, way) as line:
        line.tell(body)
        check(answers(line, expected), expected)
        assert line.greet()["protocolVersion"] == 1
        line.tell(call("run/list"))
        assert "result" in line.read()


@pytest.mark.parametrize(
    ("style", "data", "expected", "lives"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS]
)
def test_wrong_bytes_are_answered_and_others_are_served(
    home: Home, way: Way, style: Style, data: bytes, expected: list[tuple[int, str]], lives: bool
) -> None:
    with line_to(home, way, style) as line, line_to(home, "socket") as other:
        line.send(data)
        check_stream(line, expected, lives)
        assert other.ping() == []


@pytest.mark.parametrize(
    ("style", "data", "expected", "lives"), [row[1:] for row in OPENINGS], ids=[row[0] for row in OPENINGS]
)
def test_a_wrong_opening_line_is_answered_and_others_are_served(
    home: Home, style: Style, data: bytes, expected: list[tuple[int, str]], lives: bool
) -> None:
    with line_to(home, "socket", style) as line, line_to(home, "socket") as other:
        line.send(data)
        check_stream(line, expected, lives)
        assert other.ping() == []


def test_over_stdio_the_opening_line_has_been_said_and_another_one_is_no_message(home: Home) -> None:
    with line_to(home, "stdio") as line:
        line.send(b"AGIWOD/1 face=rpc\n")
        check_stream(line, [(PARSE, "parse_error")], lives=True)


CANDIDATES: Final[dict[str, Any]] = {
    "boolean": True,
    "integer": 1,
    "number": 1.5,
    "string": "no such word",
    "array": [[]],
    "object": {"x": 1},
}
"""One value of each type of JSON but null, which an optional member may be."""


def mutated(random: Random, body: bytes) -> bytes:
    """The message with a few of its bytes changed, left out, doubled or moved."""
    made = bytearray(body)
    for _ in range(random.randint(1, 4)):
        place, end = sorted(random.choices(range(len(made) + 1), k=2))
        match random.randrange(4):
            case 0:
                made[place : place + 1] = random.randbytes(1)
            case 1:
                del made[place : min(end, place + 8)]
            case 2:
                made[place:place] = made[place:end]
            case _:
                made[place:place] = random.choice(
                    [b"\n", b"\r\n\r\n", b"{", b"[", b'"', b"\\", b"\x00", b"Content-Length: 9"]
                )
    return bytes(made)


HARMLESS: Final = [
    call("ping"),
    HELLO,
    call("run/list", '{"limit":3,"statuses":["completed"]}'),
    call("run/start", '{"agent":"none","input":[{"type":"text","text":"\\u00e9"}]}'),
    call("run/attach", '{"runId":"run_x","after":{"run_y":1},"scope":"tree"}'),
    call("event/subscribe", '{"topics":["run","client"],"after":0}'),
    b"AGIWOD/1 face=rpc cwd=%2Fhome token=x version=1",
]
"""Messages that end nothing, also when something about them is changed."""


@pytest.mark.parametrize("seed", range(4))
def test_whatever_becomes_of_messages_on_their_way_all_that_comes_back_is_typed(
    home: Home, style: Style, seed: int
) -> None:
    random = Random(f"{seed} {style}")
    for _ in range(100):
        with line_to(home, "socket", style) as line:
            bodies = random.choices(HARMLESS, k=3)
            whole = [body + b"\n" if style == "newline" else framed(body) for body in bodies]
            line.send(b"".join(mutated(random, each) for each in whole))
            line.end()
            line.adapt()
            for answer in line.read_all():
                is_error = set(answer) == {"jsonrpc", "id", "error"} and "kind" in answer["error"]["data"]
                assert is_error or set(answer) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "method", "params"})
                assert answer.get("error", {}).get("code") != -32603
    with line_to(home, "socket", style) as line:
        assert line.ping() == []


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Home]:
    """A home for a daemon that serves one line alone."""
    with home_at(tmp_path / "alone", CONFIG + IDLE) as alone:
        yield alone


def test_a_daemon_with_one_client_answers_the_same(alone: Home, style: Style) -> None:
    with line_to(alone, "standalone", style) as line:
        line.greet()
        for _, body, expected in MESSAGES:
            line.tell(body)
            check(answers(line, expected), expected)


@pytest.mark.soak  # a process for each row; the same code as over the socket
@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in FIRST], ids=[row[0] for row in FIRST])
def test_a_daemon_with_one_client_takes_the_same_first_words(
    alone: Home, body: bytes, expected: tuple[int, str, Any] | None
) -> None:
    with line_to(alone, "standalone") as line:
        line.tell(body)
        check(answers(line, expected), expected)
        assert line.greet()["protocolVersion"] == 1
        assert line.ping() == []


@pytest.mark.soak  # a process for each row; the same code as over the socket
@pytest.mark.parametrize(
    ("style", "data", "expected", "lives"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS]
)
def test_a_daemon_with_one_client_takes_the_same_wrong_bytes(
    alone: Home, style: Style, data: bytes, expected: list[tuple[int, str]], lives: bool
) -> None:
    with line_to(alone, "standalone", style) as line:
        line.send(data)
        check_stream(line, expected, lives)


def wrong_params() -> Iterator[tuple[str, str]]:
    """For each method of the catalog, params of every wrong type: as a whole, and member by member."""
    for name, method in METHODS.items():
        shape = shapes()[published_name(method.params)]
        members, required = shape.get("properties", {}), shape.get("required", [])
        whole = {member: right(members[member]) for member in required}
        for params in ("[]", "[1]", '["x",null]'):
            yield name, params
        for member in required:
            yield name, json.dumps({**whole, member: None})
            yield name, json.dumps({key: value for key, value in whole.items() if key != member})
        for member, schema in members.items():
            for wrong in wrongs(schema):
                yield name, json.dumps({**whole, member: wrong})


def branches(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a schema, with references followed."""
    if "$ref" in schema:
        return branches(shapes()[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return [found for branch in schema["anyOf"] for found in branches(branch)]
    return [schema]


def right(schema: dict[str, Any]) -> Any:
    """A value that fits."""
    first = branches(schema)[0]
    if "enum" in first or "const" in first:
        return first.get("const", first.get("enum", [None])[0])
    if first["type"] == "object":
        return {member: right(first["properties"][member]) for member in first.get("required", [])}
    return [right(first["items"])] if first["type"] == "array" else CANDIDATES[first["type"]]


def wrongs(schema: dict[str, Any]) -> Iterator[Any]:
    """A value of each type that does not fit; of the types that do, a value that is none of those allowed."""
    accepted = branches(schema)
    types = {branch.get("type") for branch in accepted}
    are_words = all("enum" in branch or "const" in branch for branch in accepted)
    are_shapes = all("required" in branch for branch in accepted if branch.get("type") == "object")
    for type, value in CANDIDATES.items():
        is_other = type not in types and not (type == "integer" and "number" in types)
        is_no_word = type == "string" and are_words
        is_no_shape = type == "object" and are_shapes
        if is_other or is_no_word or is_no_shape:
            yield value


def test_params_of_every_wrong_type_are_refused_by_every_method(line: Line) -> None:
    cases = list(wrong_params())
    assert len(cases) > 300
    assert {name for name, _ in cases} == set(METHODS)
    for name, params in cases:
        line.tell(call(name, params))
        answer = line.read()
        assert answer["id"] == 7
        assert answer.get("error", {}).get("code") == PARAMS, (name, params, answer)
        assert answer["error"]["data"]["kind"] == "invalid_params"
        assert all(set(each) == {"path", "message"} for each in answer["error"]["data"]["errors"])
    assert line.ping() == []


ODD: Final[dict[str, list[Any]]] = {
    "string": ["", "\0", "../../etc/passwd", "a" * 4000, "\U0001f600", "scripted:\0", "scripted:/"],
    "integer": [0, 1, 2**53 - 1],
    "number": [1e-300, 1e8],
    "object": [{"a": {"b": []}}, json.loads('{"a":' * 500 + "1" + "}" * 500)],
}
"""Values that fit by their type, and that nobody meant."""


def odd_params() -> Iterator[tuple[str, str]]:
    """For each method that ends nothing, each member once with each odd value."""
    for name, method in METHODS.items():
        shape = shapes()[published_name(method.params)]
        members, required = shape.get("properties", {}), shape.get("required", [])
        if name not in ("shutdown", "daemon/drain", "daemon/stop", "initialize"):
            whole = {member: right(members[member]) for member in required}
            for member, schema in members.items():
                for odd in (odd for each in branches(schema) for odd in ODD.get(each.get("type", ""), [])):
                    yield name, json.dumps({**whole, member: odd})


def test_odd_values_are_never_our_own_fault(line: Line) -> None:
    cases = list(odd_params())
    assert len(cases) > 200
    for name, params in cases:
        line.tell(call(name, params))
        answer = line.read()
        assert answer["id"] == 7
        assert answer.get("error", {}).get("code") != -32603, (name, params[:200], answer)
    assert line.ping() == []


@pytest.mark.parametrize("cut", [1, 12, 40])
def test_half_a_message_and_then_silence_holds_up_nobody(home: Home, way: Way, style: Style, cut: int) -> None:
    with line_to(home, way, style) as line, line_to(home, "socket") as other:
        whole = call("ping") if style == "newline" else framed(call("ping"))
        line.send(whole[:cut])
        assert other.ping() == []
        line.send(whole[cut:] + (b"\n" if style == "newline" else b""))
        assert line.read()["id"] == 7


def test_half_a_message_and_then_the_end_closes_the_connection(home: Home, way: Way, style: Style) -> None:
    with line_to(home, way, style) as line, line_to(home, "socket") as other:
        line.send((call("ping") if style == "newline" else framed(call("ping")))[:-5])
        line.end()
        check(line.read_all(), (PARSE, "parse_error", None) if style == "newline" else SILENT)
        assert other.ping() == []


def test_silence_from_the_first_moment_on_holds_up_nobody(home: Home, way: Way) -> None:
    with line_to(home, way) as silent, line_to(home, "socket") as other:
        assert other.ping() == []
        silent.end()
        assert silent.read_all() == []


def test_a_message_a_byte_at_a_time_is_a_message(home: Home, way: Way, style: Style) -> None:
    with line_to(home, way, style) as line, line_to(home, "socket") as other:
        whole = call("ping") + b"\n" if style == "newline" else framed(call("ping"))
        for place in range(len(whole)):
            line.send(whole[place : place + 1])
        assert line.read()["id"] == 7
        for place in range(len(whole)):
            line.send(whole[place : place + 1])
            assert other.ping() == []  # the daemon has had a turn, so each byte comes by itself
        assert line.read()["id"] == 7


def test_the_same_id_twice_at_a_time_is_refused_and_the_first_request_goes_on(line: Line) -> None:
    line.tell(call("run/start", '{"agent":"idle","input":"hi","attach":false}'))
    run = line.read()["result"]["runId"]
    waiting = f'{{"runId":"{run}"}}'
    line.tell(call("run/wait", waiting, id="1"))
    line.tell(call("run/wait", waiting, id="1"))
    check(answers(line, REQUEST), (REQUEST, "invalid_request", 1))
    line.tell(call("ping", id='"1"'))
    check(answers(line, 0), (0, "", "1"))
    for nobody in ("true", "1.0", '"1"', "[1]", "null"):
        line.tell(b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%b}}' % nobody.encode())
        assert line.ping() == []
    line.tell(b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}')
    check(answers(line, -32800), (-32800, "cancelled", 1))
    line.tell(call("run/cancel", waiting))
    assert line.read()["result"]["accepted"] is True


def test_the_daemon_describes_itself_completely(line: Line) -> None:
    line.tell(call("rpc/discover"))
    document = line.read()["result"]
    assert document == open_rpc()
    assert {each["name"] for each in document["methods"]} == set(METHODS)
    assert {each["name"] for each in document["x-notifications"]} == set(EVENTS)
