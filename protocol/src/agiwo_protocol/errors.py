"""What a peer may be told went wrong: one class a code, `kind` as the contract. Knows no transport.

RpcError                   an error of the wire; of an unknown code when it is none of these
├── ParseError             -32700  not JSON
├── InvalidRequest         -32600  invalid_request, batch_unsupported, already_initialized
├── MethodNotFound         -32601  no such method; `near` lists likely ones
├── InvalidParams          -32602  `errors: [{path, message}]`
├── InternalError          -32603  our fault; `errorId` finds it in the log
├── NotInitialized         -32002  `initialize` comes first
├── Unauthorized           -32003  auth_required, forbidden
├── NotFound               -32004  `type` says what does not exist
├── Conflict               -32005  somebody was first, or the thing is in another state
├── Denied                 -32006  a policy or a person said no
├── BudgetExhausted        -32007  a limit was reached
├── DeadlineExceeded       -32008  it took too long; retryable
├── UnsupportedVersion     -32009  `supported` lists what would do
├── CapabilityRequired     -32010  the client has to declare `required`
├── Overloaded             -32011  too much at once; retryable after `retryAfterMs`
├── Unavailable            -32012  draining, storage; retryable
├── MessageTooLarge        -32013  `limit` in bytes
├── CursorExpired          -32014  nothing can follow this position
├── AgentFailed            -32015  `provider`, `httpStatus`
├── ToolFailed             -32016  a tool failed
└── Cancelled              -32800  the request was cancelled
"""

from collections.abc import Mapping
from typing import Any, ClassVar, cast


class RpcError(Exception):
    """An error as the other side sees it: `code`, `message`, and data with `kind` and `retryable`.

    Further keywords become members of the data; they are written as they stand on the wire.
    """

    code: int = -32603
    kinds: ClassVar[tuple[str, ...]] = ("internal",)
    default_retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, kind: str | None = None, retryable: bool | None = None, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.kind = self.kinds[0] if kind is None else kind
        self.retryable = self.default_retryable if retryable is None else retryable
        self.data: dict[str, Any] = {"kind": self.kind, "retryable": self.retryable, **data}

    def to_error(self) -> dict[str, Any]:
        """The `error` member of an answer."""
        return {"code": self.code, "message": self.message, "data": self.data}


class ParseError(RpcError):
    """What came is not JSON."""

    code = -32700
    kinds = ("parse_error",)


class InvalidRequest(RpcError):
    """It is JSON, but not a request that can be served here and now."""

    code = -32600
    kinds = ("invalid_request", "batch_unsupported", "already_initialized")


class MethodNotFound(RpcError):
    """There is no such method; `near` holds the names that come close."""

    code = -32601
    kinds = ("method_not_found",)


class InvalidParams(RpcError):
    """The params have another shape than the method's contract; `errors` is a list of `{path, message}`."""

    code = -32602
    kinds = ("invalid_params",)


class InternalError(RpcError):
    """Our fault. `errorId` finds the exception in the log of the side that answered; nothing else is told."""

    code = -32603
    kinds = ("internal",)


class NotInitialized(RpcError):
    """`initialize` has to come first."""

    code = -32002
    kinds = ("not_initialized",)


class Unauthorized(RpcError):
    """The caller is not known (auth_required), or known and not allowed (forbidden)."""

    code = -32003
    kinds = ("auth_required", "forbidden")


class NotFound(RpcError):
    """There is no such thing; `type` says of what sort: run, session, agent, model, blob …"""

    code = -32004
    kinds = ("not_found",)


class Conflict(RpcError):
    """Somebody else was first, or the thing is in another state than the caller expected."""

    code = -32005
    kinds = ("conflict",)


class Denied(RpcError):
    """A policy or a person said no."""

    code = -32006
    kinds = ("denied",)


class BudgetExhausted(RpcError):
    """A limit was reached before the work was done."""

    code = -32007
    kinds = ("budget_exhausted",)


class DeadlineExceeded(RpcError):
    """It took longer than the caller was ready to wait. What was waited for goes on."""

    code = -32008
    kinds = ("deadline_exceeded",)
    default_retryable = True


class UnsupportedVersion(RpcError):
    """The version asked for is not spoken here; `supported` lists those that are."""

    code = -32009
    kinds = ("unsupported_version",)


class CapabilityRequired(RpcError):
    """The client did not declare what this needs; `required` names it."""

    code = -32010
    kinds = ("capability_required",)


class Overloaded(RpcError):
    """Too much at once: of what `resource` names there may be `limit`. Try again after `retryAfterMs`."""

    code = -32011
    kinds = ("overloaded",)
    default_retryable = True


class Unavailable(RpcError):
    """Not now: the daemon is draining, or its storage refuses."""

    code = -32012
    kinds = ("draining", "storage")
    default_retryable = True


class MessageTooLarge(RpcError):
    """A message above `limit` bytes; it was not read."""

    code = -32013
    kinds = ("message_too_large",)


class CursorExpired(RpcError):
    """A reader's position that nothing can follow: above the head."""

    code = -32014
    kinds = ("cursor_expired",)


class AgentFailed(RpcError):
    """The agent's model failed; `provider` and `httpStatus` say where, when they are known."""

    code = -32015
    kinds = ("agent_failed",)


class ToolFailed(RpcError):
    """A tool failed or cannot be run as asked."""

    code = -32016
    kinds = ("tool_failed",)


class Cancelled(RpcError):
    """The request was cancelled by `$/cancelRequest`, or the connection ended."""

    code = -32800
    kinds = ("cancelled",)


ERRORS: tuple[type[RpcError], ...] = (
    ParseError,
    InvalidRequest,
    MethodNotFound,
    InvalidParams,
    InternalError,
    NotInitialized,
    Unauthorized,
    NotFound,
    Conflict,
    Denied,
    BudgetExhausted,
    DeadlineExceeded,
    UnsupportedVersion,
    CapabilityRequired,
    Overloaded,
    Unavailable,
    MessageTooLarge,
    CursorExpired,
    AgentFailed,
    ToolFailed,
    Cancelled,
)
"""Every class of the tree, in the order of the table."""

_BY_CODE = {error.code: error for error in ERRORS}


def from_error(error: Mapping[str, Any]) -> RpcError:
    """The `error` member of an answer as an exception of the class that its code names.

    What another implementation left out or got wrong is filled in: an error is never lost for being ill-formed.
    """
    code, message = error.get("code"), error.get("message")
    raw = error.get("data")
    data = dict(cast("Mapping[str, Any]", raw)) if isinstance(raw, Mapping) else {}
    kind, retryable = data.pop("kind", None), data.pop("retryable", None)
    known = _BY_CODE.get(code) if isinstance(code, int) else None
    made = (known or RpcError)(
        message if isinstance(message, str) else "error without a message",
        kind=kind if isinstance(kind, str) else None if known else "unknown",
        retryable=retryable if isinstance(retryable, bool) else None,
    )
    made.data.update(data)
    if known is None and isinstance(code, int):
        made.code = code
    return made
