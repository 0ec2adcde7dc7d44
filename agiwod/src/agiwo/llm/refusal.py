"""What a provider's refusal means: its status and body as a ModelError. Reads no socket."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from agiwo.errors import ModelError, ModelErrorKind

QUOTED = 2048
"""Characters of a provider's words in an error; enough to see what is wrong, too few to flood a log."""

_STATUS: Mapping[int, ModelErrorKind] = {
    401: "auth",
    402: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    410: "not_found",
    413: "context_length",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

_CODES: Mapping[str, ModelErrorKind] = {
    "authentication_error": "auth",
    "context_length_exceeded": "context_length",
    "exceed_context_size_error": "context_length",
    "insufficient_system_resource": "overloaded",
    "invalid_api_key": "auth",
    "invalid_request_error": "bad_request",
    "model_not_found": "not_found",
    "not_found_error": "not_found",
    "overloaded_error": "overloaded",
    "permission_error": "auth",
    "rate_limit_error": "rate_limited",
    "rate_limit_exceeded": "rate_limited",
    "server_is_overloaded": "overloaded",
    "slow_down": "overloaded",
    "timeout_error": "timeout",
}

GAVE_UP = frozenset({"error", "insufficient_system_resource"})
"""Finish reasons of a provider that could not go on: what it had said by then is no answer."""

_TOO_LONG = ("context length", "context window", "context size", "prompt is too long", "too many tokens")

_NOT_SOON = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Codes of a 429 that waiting does not cure."""


_UNKNOWN_FIELD = ("not support", "unsupported", "unrecognized", "unknown", "not permitted", "not allowed", "unexpected")
"""How providers say that a field is not for this model, as distinct from a value that is out of its range."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a request goes to, as an error tells of it.

    `secret` is cut out of what the provider says. `optional` names the fields that the request could do without,
    `renamed` the model that took this one's place, if one did.
    """

    provider: str = ""
    host: str = ""
    secret: str | None = None
    optional: frozenset[str] = frozenset()
    renamed: str | None = None

    def error(self, kind: ModelErrorKind, message: str, *, status: int | None = None) -> ModelError:
        """What this provider did wrong; it begins with the host."""
        return ModelError(kind, f"{self.host}{message}", provider=self.provider, status=status)

    def quote(self, text: str) -> str:
        """The provider's words without the secret, and no longer than a quotation should be."""
        return (text.replace(self.secret, "[redacted]") if self.secret else text)[:QUOTED]


def refusal(asked: Asked, status: int, body: bytes, headers: Mapping[str, str]) -> ModelError:
    """The error for an answer whose status is not 200."""
    error = _fields(error_in(body) or _object(body))
    said = _message_of(error) or body.decode(errors="replace").strip()
    kind = _kind_of_status(status, error, said)
    refused = _refused_field(asked, error, said) if kind == "bad_request" else None
    return ModelError(
        kind,
        f"{asked.host} answered {status}: {asked.quote(said) or 'nothing more'}{_advice(asked, kind, status, said)}",
        provider=asked.provider,
        status=status,
        retry_after=_retry_after(headers),
        retryable=False if _codes_of(error) & _NOT_SOON else True if refused else None,
        refused=refused,
    )


def error_event(asked: Asked, error: Any) -> ModelError:
    """The error for an `error` that stands inside an answer with status 200."""
    fields = _fields(error)
    said = _message_of(fields) or str(error)
    kind = _kind_of_code(fields, said) or _kind_of_number(fields) or "server_error"
    retryable = False if _codes_of(fields) & _NOT_SOON else None
    message = f"{asked.host} broke off with an error: {asked.quote(said)}"
    return ModelError(kind, message, provider=asked.provider, status=200, retryable=retryable)


def error_in(body: bytes) -> Any:
    """What a JSON body says under `error`; None when it says nothing there, or is no JSON object."""
    return _object(body).get("error")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        data: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return cast(Mapping[str, Any], data) if isinstance(data, dict) else {}


def _fields(error: Any) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], error) if isinstance(error, dict) else {"message": error}


def _message_of(error: Mapping[str, Any]) -> str:
    message = error.get("message") or error.get("detail")
    return message if isinstance(message, str) else ""


def _codes_of(error: Mapping[str, Any]) -> set[str]:
    return {value for value in (error.get("code"), error.get("type")) if isinstance(value, str)}


def _kind_of_status(status: int, error: Mapping[str, Any], said: str) -> ModelErrorKind:
    if status in (400, 422) and _is_too_long(error, said):
        return "context_length"
    if status in _STATUS:
        return _STATUS[status]
    return "server_error" if status >= 500 else "bad_request"


def _is_too_long(error: Mapping[str, Any], said: str) -> bool:
    codes = {_CODES.get(code) for code in _codes_of(error)}
    return "context_length" in codes or any(phrase in said.lower() for phrase in _TOO_LONG)


def _kind_of_code(error: Mapping[str, Any], said: str) -> ModelErrorKind | None:
    for name in ("code", "type"):
        code = error.get(name)
        if isinstance(code, str) and (kind := _CODES.get(code)):
            return "context_length" if kind == "bad_request" and _is_too_long(error, said) else kind
    return None


def _kind_of_number(error: Mapping[str, Any]) -> ModelErrorKind | None:
    code = error.get("code")
    return _kind_of_status(code, {}, "") if isinstance(code, int) and code >= 400 else None


def _refused_field(asked: Asked, error: Mapping[str, Any], said: str) -> str | None:
    """The one field that could be left out and that the provider says it does not take."""
    words = f"{error.get('code', '')} {said}".lower()
    if not any(phrase in words for phrase in _UNKNOWN_FIELD):
        return None
    param = error.get("param")
    named = [field for field in sorted(asked.optional) if field == param or re.search(rf"\b{field}\b", words)]
    return next((field for field in named if field == param), named[0] if named else None)


def _advice(asked: Asked, kind: ModelErrorKind, status: int, said: str) -> str:
    if asked.renamed and (kind == "not_found" or (kind == "bad_request" and "model" in said.lower())):
        return f" (that model is no more; what took its place is {asked.renamed})"
    if kind == "not_found":
        return " (is the model's id right, and does base_url end with the version path, like /v1?)"
    if kind == "auth" and status != 402 and not asked.secret:
        return " (no key was sent: a base_url of your own gets only a key that you give with it)"
    if 300 <= status < 400:
        return " (redirects are not followed; set base_url to where it points)"
    return ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from milliseconds, a number or a date; None when nobody said or it makes no sense."""
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    header = headers.get("retry-after")
    seconds = _number(header)
    return _until(header) if seconds is None and header else seconds


def _number(header: str | None) -> float | None:
    try:
        number = float(header or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _until(date: str) -> float | None:
    from email.utils import parsedate_to_datetime  # slow to load, and rarely needed

    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
