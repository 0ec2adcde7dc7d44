"""What went wrong, as a model can read it: the result of a call that is an error. Protocol errors are mcp's own."""

import logging
import secrets
from typing import Any, Final, cast

from agiwo import errors as engine
from agiwo_protocol.errors import InvalidParams
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, TextContent

from agiwod.runtime.errors import Draining, ScheduleInvalid, TooMuch

log = logging.getLogger(__name__)

_KINDS: Final[dict[type[Exception], str]] = {
    InvalidParams: "invalid_params",
    engine.NotFound: "not_found",
    engine.Conflict: "conflict",
    engine.StorageError: "storage",
    Draining: "draining",
    TooMuch: "overloaded",
    engine.BudgetExhausted: "budget_exhausted",
    engine.ModelError: "agent_failed",
    engine.ToolError: "tool_failed",
    engine.SchemaInvalid: "invalid_params",
    ScheduleInvalid: "invalid_params",
    engine.ConfigError: "invalid_params",
    TimeoutError: "deadline_exceeded",
}
"""What kind each exception is of; the first that fits counts."""


ERROR: Final = "agiwod/error"
"""Where in the `_meta` of a result stands what kind of error it is. Structured content has to fit the tool's schema."""


def failure(kind: str, message: str, *, retryable: bool = False) -> CallToolResult:
    """The result of a call that came to nothing: words for the model, and the same for programs."""
    meta = {ERROR: {"kind": kind, "message": message, "retryable": retryable}}
    return CallToolResult(content=[TextContent(text=message)], is_error=True, _meta=meta)


def told(error: Exception) -> CallToolResult:
    """What a call that raised comes to. What was not raised on purpose is logged, and told by the log's id alone."""
    error = _single(error)
    if isinstance(error, InvalidParams):
        return failure("invalid_params", _complaints(error))
    if isinstance(error, TimeoutError):
        return failure("deadline_exceeded", "it is still going; wait again, or look at it later", retryable=True)
    kind = next((kind for known, kind in _KINDS.items() if isinstance(error, known)), None)
    if kind is not None:
        return failure(kind, str(error), retryable=bool(getattr(error, "retryable", False)))
    error_id = secrets.token_hex(6)
    log.error("a call over mcp failed, errorId %s", error_id, exc_info=error)
    return failure("internal", f"an internal error; the daemon's log has it under the errorId {error_id}")


def unknown(what: str, name: str, hint: str = "", **data: Any) -> MCPError:
    """What is answered to who asks for something that is not there."""
    return MCPError(INVALID_PARAMS, f"there is no {what} {name[:200]!r}{hint and f'; {hint}'}", data or None)


def _single(error: Exception) -> Exception:
    """The error itself, when it comes out of tasks that wrap what they raise."""
    if not isinstance(error, ExceptionGroup):
        return error
    group = cast("ExceptionGroup[Exception]", error)
    return _single(group.exceptions[0]) if len(group.exceptions) == 1 else group


def _complaints(error: InvalidParams) -> str:
    """Each argument that is wrong, with what is wrong with it."""
    found: list[dict[str, str]] = error.data.get("errors", [])
    said = "; ".join(f"{each['path'] or 'the arguments'}: {each['message']}" for each in found)
    return f"the arguments do not fit the tool: {said}" if said else str(error)
