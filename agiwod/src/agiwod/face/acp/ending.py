"""How a run ended, as the answer of its prompt. Waits for nothing."""

from collections.abc import Mapping
from typing import Any, Final

from agiwo.schema.event import RUN_CANCELLED, RUN_FAILED, Event
from agiwo.schema.run import TerminationReason
from agiwo_protocol.errors import AgentFailed

from agiwod.face.acp.shapes import Json

_REASONS: Final[Mapping[str, str]] = {
    TerminationReason.MAX_STEPS: "max_turn_requests",
    TerminationReason.TIMEOUT: "max_turn_requests",
    TerminationReason.MAX_TOKENS: "max_tokens",
    TerminationReason.BUDGET_EXHAUSTED: "max_tokens",
    TerminationReason.CANCELLED: "cancelled",
}
"""Why a run ended before it was done, in ACP's words."""


def ending(event: Event) -> Json:
    """The answer, from the run's last event.

    Raises:
        AgentFailed: it has failed; the message says why.
    """
    usage = _usage(event.data.get("usage"))
    if event.type == RUN_CANCELLED:
        return {"stopReason": "cancelled", **usage}
    if event.type == RUN_FAILED:
        error: Mapping[str, Any] = event.data.get("error") or {}
        message = str(error.get("message") or "the agent failed")
        raise AgentFailed(message, retryable=bool(error.get("retryable")), reason=error.get("kind"), runId=event.run)
    return {"stopReason": _REASONS.get(str(event.data.get("terminationReason")), "end_turn"), **usage}


def _usage(used: Mapping[str, Any] | None) -> Json:
    if not used:
        return {}
    taken, given = used.get("inputTokens", 0), used.get("outputTokens", 0)
    counts = {
        "totalTokens": taken + given,
        "inputTokens": taken,
        "outputTokens": given,
        "thoughtTokens": used.get("reasoningTokens", 0),
        "cachedReadTokens": used.get("cachedTokens", 0),
        "cachedWriteTokens": used.get("cacheWriteTokens", 0),
    }
    return {"usage": counts}
