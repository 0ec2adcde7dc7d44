"""Messages held against the published schema, whatever a transcript says of them. Knows no connection."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from agiwo_protocol.catalog import CLIENT_METHODS, EVENTS, METHODS
from agiwo_protocol.errors import ERRORS
from agiwo_protocol.schema import published_name, run_event_data, shapes
from jsonschema import Draft202012Validator

_KINDS: Final = {error.code: error.kinds for error in ERRORS}
_LONGEST: Final = 300

_ERROR: Final = Draft202012Validator(
    {
        "type": "object",
        "required": ["code", "message", "data"],
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string"},
            "data": {
                "type": "object",
                "required": ["kind", "retryable"],
                "properties": {"kind": {"type": "string"}, "retryable": {"type": "boolean"}},
            },
        },
    }
)
"""The error of an answer."""


def fault_of(name: str, value: Any) -> str | None:
    """Why a value is not of that published shape, None when it is."""
    return _first(_validator(name), value)


def fault_of_message(message: Mapping[str, Any], method: str | None) -> str | None:
    """What no server may say, in any message; `method` is what an answer is to."""
    if message.get("jsonrpc") != "2.0":
        return 'a message has `jsonrpc` "2.0"'
    if "method" in message:
        return _fault_of_call(message)
    if ("result" in message) == ("error" in message):
        return "an answer has either `result` or `error`"
    if "error" in message:
        return _fault_of_error(message["error"])
    known = METHODS.get(method or "")
    return known and fault_of(published_name(known.result), message["result"])


def _fault_of_call(message: Mapping[str, Any]) -> str | None:
    """Of a notification, or of a request to the client. One that is not known here is an addition."""
    name, params = message["method"], message.get("params", {})
    known = (CLIENT_METHODS if "id" in message else EVENTS).get(name)
    if known is None:
        return None
    fault = fault_of(published_name(known.params), params)
    if fault or name != "run/event" or params["type"] not in run_event_data():
        return fault and f"params of {name}: {fault}"
    fault = _first(_event_validator(params["type"]), params["data"])
    return fault and f"data of {params['type']}: {fault}"


def _fault_of_error(error: Any) -> str | None:
    if fault := _first(_ERROR, error):
        return f"no error: {fault}"
    code, kind = error["code"], error["data"]["kind"]
    kinds = _KINDS.get(code)
    if kinds is not None and kind not in kinds:
        return f"an error {code} is of the kind {' or '.join(kinds)}, and not {kind}"
    return None


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": dict(shapes())})


@cache
def _event_validator(type: str) -> Draft202012Validator:
    return Draft202012Validator({**run_event_data()[type], "$defs": dict(shapes())})


def _first(validator: Draft202012Validator, value: Any) -> str | None:
    error = next(iter(validator.iter_errors(value)), None)  # pyright: ignore[reportUnknownMemberType] - untyped there
    return error and f"{'.'.join(map(str, error.absolute_path)) or 'it'}: {error.message[:_LONGEST]}"
