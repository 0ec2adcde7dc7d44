"""The envelopes of JSON-RPC 2.0: one message read, one message written. Knows no method and no connection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson

from agiwo_protocol.errors import InvalidRequest, ParseError, RpcError, from_error

RequestId = str | int
Params = dict[str, Any] | list[Any] | None


@dataclass(slots=True)
class Request:
    """Somebody asks, and waits for an answer with this id."""

    id: RequestId
    method: str
    params: Params = None


@dataclass(slots=True)
class Notification:
    """Somebody tells, and waits for nothing."""

    method: str
    params: Params = None


@dataclass(slots=True)
class Response:
    """An answer to a request of ours: a result, or an error."""

    id: RequestId | None
    result: Any = None
    error: RpcError | None = None


@dataclass(slots=True)
class Invalid:
    """Not a message. `error` is to be answered with `id`, which is None when it cannot be read."""

    error: RpcError
    id: RequestId | None = None


Message = Request | Notification | Response | Invalid


def read(body: bytes) -> Message:
    """One message, classified. Never raises: what is wrong comes as `Invalid`."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Invalid(ParseError("this is not JSON"))
    if isinstance(value, dict):
        return _classify(cast("dict[str, Any]", value))
    if isinstance(value, list):
        return Invalid(
            InvalidRequest("batches are not supported; send each message by itself", kind="batch_unsupported")
        )
    return Invalid(InvalidRequest("a message is a JSON object"))


def _classify(message: dict[str, Any]) -> Message:
    id = message.get("id")
    if type(id) is not str and type(id) is not int:
        id = None
    if "method" not in message and ("result" in message or "error" in message):
        return _response(id, message)
    method, params = message.get("method"), message.get("params")
    if message.get("jsonrpc") != "2.0":
        return Invalid(InvalidRequest('`jsonrpc` must be "2.0"'), id)
    if not isinstance(method, str):
        return Invalid(InvalidRequest("`method` must be a string"), id)
    if params is not None and not isinstance(params, dict | list):
        return Invalid(InvalidRequest("`params` must be an object"), id)
    if "id" not in message:
        return Notification(method, cast("Params", params))
    if id is None:
        return Invalid(InvalidRequest("`id` must be a string or an integer"))
    return Request(id, method, cast("Params", params))


def _response(id: RequestId | None, message: dict[str, Any]) -> Response:
    error = message.get("error")
    if error is None:
        return Response(id, message.get("result"))
    return Response(id, error=from_error(cast("Mapping[str, Any]", error) if isinstance(error, dict) else {}))


def request(id: RequestId, method: str, params: object = None) -> bytes:
    """A request as bytes."""
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": {} if params is None else params})


def notification(method: str, params: object = None) -> bytes:
    """A notification as bytes."""
    return orjson.dumps({"jsonrpc": "2.0", "method": method, "params": {} if params is None else params})


def result(id: RequestId, value: object) -> bytes:
    """An answer as bytes."""
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "result": value})


def failure(id: RequestId | None, error: RpcError) -> bytes:
    """An answer that is an error, as bytes."""
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "error": error.to_error()})
