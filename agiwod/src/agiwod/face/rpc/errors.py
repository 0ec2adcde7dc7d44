"""Exceptions as the other side may see them. The only place that knows which error has which code."""

import logging
import secrets
from collections.abc import Callable
from typing import Any

from agiwo import errors as engine
from agiwo_protocol import errors as wire
from agiwo_protocol.errors import RpcError

from agiwod.face.overload import overloaded
from agiwod.face.rpc.moment import moment
from agiwod.runtime.errors import ApprovalNeeded, DefinitionInvalid, Draining, EventsExpired, ScheduleInvalid, TooMuch

log = logging.getLogger(__name__)

_LONGEST_PATH = 200
"""Characters of a path that are told: it may hold names that the client chose."""


def to_rpc(error: Exception, method: str) -> RpcError:
    """The error to answer with. What was not raised on purpose is logged, and the answer names only the log's id."""
    if isinstance(error, RpcError):
        return error
    for kind, translate in _TRANSLATIONS.items():
        if isinstance(error, kind):
            return translate(error)
    return hidden(method, error)


def hidden(method: str, error: Exception) -> RpcError:
    """Our fault, told by an id under which the log has the rest."""
    error_id = secrets.token_hex(6)
    log.error("request %s failed, errorId %s", method, error_id, exc_info=error)
    return wire.InternalError("an internal error; the daemon's log has it under its errorId", errorId=error_id)


def _model_error(error: engine.ModelError) -> RpcError:
    data: dict[str, Any] = {"reason": error.kind}
    if error.provider:
        data["provider"] = error.provider
    if error.status is not None:
        data["httpStatus"] = error.status
    return wire.AgentFailed(str(error), retryable=error.retryable, **data)


def _schema_invalid(error: engine.SchemaInvalid) -> RpcError:
    path = f"outputSchema.{error.path}" if error.path else "outputSchema"
    return wire.InvalidParams(str(error), errors=[{"path": path[:_LONGEST_PATH], "message": error.fault}])


def _schedule_invalid(error: ScheduleInvalid) -> RpcError:
    return wire.InvalidParams("the schedule cannot be used", errors=[{"path": error.member, "message": str(error)}])


def _definition_invalid(error: DefinitionInvalid) -> RpcError:
    return wire.InvalidParams("the agent cannot be made", errors=[{"path": error.member, "message": str(error)}])


_TRANSLATIONS: dict[type[Exception], Callable[[Any], RpcError]] = {
    engine.NotFound: lambda error: wire.NotFound(str(error), type=error.kind, id=error.id),
    engine.Conflict: lambda error: wire.Conflict(str(error)),
    engine.CursorExpired: lambda error: wire.CursorExpired(str(error), runId=error.run, headSeq=error.head),
    EventsExpired: lambda error: wire.CursorExpired(str(error), firstAvailableSeq=error.first, headSeq=error.head),
    engine.StorageError: lambda error: wire.Unavailable(str(error), kind="storage", retryable=error.retryable),
    Draining: lambda error: wire.Unavailable(str(error), kind="draining", deadlineAt=moment(error.until)),
    TooMuch: overloaded,
    engine.BudgetExhausted: lambda error: wire.BudgetExhausted(str(error)),
    engine.ModelError: _model_error,
    engine.ToolError: lambda error: wire.ToolFailed(str(error)),
    engine.SchemaInvalid: _schema_invalid,
    ScheduleInvalid: _schedule_invalid,
    DefinitionInvalid: _definition_invalid,
    ApprovalNeeded: lambda error: wire.Denied(str(error)),
    engine.ConfigError: lambda error: wire.Conflict(str(error)),
    TimeoutError: lambda error: wire.DeadlineExceeded("it was still going when the time to wait was over"),
}
"""What each exception becomes; the first that fits counts."""
