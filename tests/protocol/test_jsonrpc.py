"""Envelopes: what is a message, and what is answered to that which is none."""

from typing import Any

import orjson
import pytest
from agiwo_protocol import jsonrpc
from agiwo_protocol.errors import RpcError
from agiwo_protocol.jsonrpc import Invalid, Notification, Request, Response
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"jsonrpc":"2.0","id":1,"method":"ping"}', Request(1, "ping")),
        ('{"jsonrpc":"2.0","id":"a","method":"ping","params":{"x":1}}', Request("a", "ping", {"x": 1})),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","params":null}', Request(1, "ping")),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', Request(1, "ping", [1])),
        ('{"jsonrpc":"2.0","id":0,"method":"ping","trace":"x"}', Request(0, "ping")),
        ('{"jsonrpc":"2.0","method":"exit"}', Notification("exit")),
        ('{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', Request(2, "ping")),
        ('{"jsonrpc":"2.0","id":1,"result":null}', Response(1)),
        ('{"jsonrpc":"2.0","id":1,"result":{"a":1}}', Response(1, {"a": 1})),
    ],
)
def test_a_message_is_classified(text: str, message: jsonrpc.Message) -> None:
    assert jsonrpc.read(text.encode()) == message


@pytest.mark.parametrize(
    ("text", "code", "kind", "id"),
    [
        (b"{bad", -32700, "parse_error", None),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}', -32700, "parse_error", None),
        (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', -32700, "parse_error", None),
        (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', -32700, "parse_error", None),
        (b"[" * 100_000, -32700, "parse_error", None),
        (b"[]", -32600, "batch_unsupported", None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, "batch_unsupported", None),
        (b"7", -32600, "invalid_request", None),
        (b"null", -32600, "invalid_request", None),
        (b'{"id":1}', -32600, "invalid_request", 1),
        (b'{"id":"x","method":"ping"}', -32600, "invalid_request", "x"),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600, "invalid_request", 1),
        (b'{"jsonrpc":"2.0","id":1}', -32600, "invalid_request", 1),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600, "invalid_request", 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":5}', -32600, "invalid_request", 1),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, "invalid_request", None),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, "invalid_request", None),
        (b'{"jsonrpc":"2.0","id":1.0,"method":"ping"}', -32600, "invalid_request", None),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, "invalid_request", None),
        (b'{"jsonrpc":"2.0","id":[1],"method":"ping"}', -32600, "invalid_request", None),
    ],
)
def test_what_is_no_message_is_a_typed_error_with_the_id_that_can_be_read(
    text: bytes, code: int, kind: str, id: str | int | None
) -> None:
    invalid = jsonrpc.read(text)
    assert isinstance(invalid, Invalid)
    assert (invalid.error.code, invalid.error.kind, invalid.id) == (code, kind, id)
    answer = orjson.loads(jsonrpc.failure(invalid.id, invalid.error))
    assert answer["id"] == id
    assert answer["error"]["data"]["retryable"] is False


@given(st.binary(max_size=100) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(repr).map(str.encode))
def test_reading_never_raises(body: bytes) -> None:
    assert isinstance(jsonrpc.read(body), Request | Notification | Response | Invalid)


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32004, "message": "no run", "data": {"kind": "not_found", "retryable": False, "type": "run"}},
        {"code": -31999, "message": "another's", "data": {"kind": "strange", "retryable": True}},
    ],
)
def test_an_error_survives_the_wire(error: dict[str, Any]) -> None:
    response = jsonrpc.read(orjson.dumps({"jsonrpc": "2.0", "id": 1, "error": error}))
    assert isinstance(response, Response)
    assert response.error is not None
    assert response.error.to_error() == error


@pytest.mark.parametrize("error", [{}, {"code": "x", "message": 5, "data": []}, "broken", 5, []])
def test_an_ill_formed_error_is_an_error_all_the_same(error: object) -> None:
    response = jsonrpc.read(orjson.dumps({"jsonrpc": "2.0", "id": 1, "error": error}))
    assert isinstance(response, Response)
    assert isinstance(response.error, RpcError)
    assert response.error.to_error()["data"] == {"kind": "unknown", "retryable": False}
