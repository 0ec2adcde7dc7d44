"""Exceptions as an editor may see them. ACP has a code of its own for what is not there; the rest are ours."""

from collections.abc import Callable
from typing import Any

from agiwo import errors as engine
from agiwo_protocol import errors as wire
from agiwo_protocol.errors import RpcError

from agiwod.face.overload import overloaded
from agiwod.runtime.errors import Draining, TooMuch


class ResourceNotFound(RpcError):
    """There is no such session, or whatever was asked for."""

    code = -32002
    kinds = ("not_found",)


def told(error: Exception) -> Exception:
    """The error to answer with. What was not raised on purpose stays as it is: the peer hides and logs it."""
    return next((make(error) for kind, make in _KINDS.items() if isinstance(error, kind)), error)


_KINDS: dict[type[Exception], Callable[[Any], RpcError]] = {
    engine.NotFound: lambda error: ResourceNotFound(str(error), type=error.kind, id=error.id),
    engine.Conflict: lambda error: wire.Conflict(str(error)),
    engine.StorageError: lambda error: wire.Unavailable(str(error), kind="storage", retryable=error.retryable),
    Draining: lambda error: wire.Unavailable(str(error), kind="draining"),
    TooMuch: overloaded,
    engine.BudgetExhausted: lambda error: wire.BudgetExhausted(str(error)),
    engine.ModelError: lambda error: wire.AgentFailed(str(error), retryable=error.retryable, reason=error.kind),
    engine.ToolError: lambda error: wire.ToolFailed(str(error)),
    engine.ConfigError: lambda error: wire.InvalidParams(str(error), errors=[]),
}
"""What each exception becomes; the first that fits counts."""
