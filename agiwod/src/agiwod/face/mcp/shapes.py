"""What the runtime has, as the JSON that clients of MCP are given. Decides nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from agiwo.schema.run import RunResult, RunStatus
from mcp_types import CallToolResult, TextContent

from agiwod.face.mcp.faults import ERROR
from agiwod.runtime.looks import Look
from agiwod.runtime.runs import RunState
from agiwod.runtime.scheduled import Submitted

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer"}

USAGE: Final[Schema] = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("inputTokens", "outputTokens", "cachedTokens", "reasoningTokens"), _COUNT),
        "costUsd": {"type": "number"},
        "costBasis": _TEXT,
    },
}

OUTCOME: Final[Schema] = {
    "type": "object",
    "properties": {
        "response": {
            **_TEXT,
            "description": "What the agent answered. With an output schema there is also `output`, the same as data.",
        },
        "runId": {**_TEXT, "description": "The run, which can be read as agiwo://run/{runId}."},
        "sessionId": {**_TEXT, "description": "The conversation; give it with the next call to go on with it."},
        "usage": USAGE,
        "terminationReason": {**_TEXT, "description": "Why it ended; `completed` when nothing cut it short."},
        "error": {
            "type": "object",
            "properties": {"kind": _TEXT, "message": _TEXT, "retryable": {"type": "boolean"}},
        },
    },
    "required": ["response", "runId", "sessionId", "usage", "terminationReason"],
}
"""What the call of an agent gives. `output` may be any JSON, which a portable schema has no word for."""

STATE: Final[Schema] = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("stateId", "agentId", "sessionId", "parentStateId", "status", "runId", "task"), _TEXT),
        "result": {**_TEXT, "description": "What it said last, or why it sleeps."},
        "persistent": {"type": "boolean"},
        "queued": {**_COUNT, "description": "Tasks that wait behind the present one."},
        "tokens": _COUNT,
        "elapsedMs": _COUNT,
    },
    "required": ["stateId", "agentId", "status"],
}
"""A scheduled agent."""

SUBMITTED: Final[Schema] = {
    "type": "object",
    "properties": {
        "stateId": {**_TEXT, "description": "The scheduled agent, by which it is waited for, asked after and ended."},
        "taskId": {**_TEXT, "description": "The task, which is also the id of its run."},
        "sessionId": _TEXT,
    },
    "required": ["stateId", "taskId", "sessionId"],
}
"""A task that was taken."""


def outcome(result: RunResult) -> CallToolResult:
    """How a run ended, as the result of the call that it was for: text for the model, and the same with its figures."""
    data: dict[str, Any] = {
        "response": result.response or "",
        "runId": result.run,
        "sessionId": result.session,
        "usage": result.usage.to_json(),
        "terminationReason": str(result.termination or result.status),
    }
    if result.output is not None:
        data["output"] = result.output
    if result.status == RunStatus.COMPLETED:
        return CallToolResult(content=[TextContent(text=data["response"])], structured_content=data)
    error = data["error"] = _error(result)
    text = f"the agent {result.status}: {error['message']} (run {result.run})"
    return CallToolResult(
        content=[TextContent(text=text)], structured_content=data, is_error=True, _meta={ERROR: error}
    )


def _error(result: RunResult) -> dict[str, Any]:
    if result.error is not None:
        return {name: result.error.get(name) for name in ("kind", "message", "retryable")}
    return {"kind": "cancelled", "message": result.reason or "somebody cancelled the run", "retryable": True}


def structured(data: Mapping[str, Any], text: str) -> CallToolResult:
    """A result of both forms."""
    return CallToolResult(content=[TextContent(text=text)], structured_content=dict(data))


def submitted(value: Submitted) -> dict[str, Any]:
    """The acknowledgement of a task."""
    return {"stateId": value.state.id, "taskId": value.run, "sessionId": value.state.session}


def state(value: Look) -> dict[str, Any]:
    """A scheduled agent as it stands."""
    row, shown = value.state, value.shown
    data: dict[str, Any] = {
        "stateId": row.id,
        "agentId": row.agent,
        "sessionId": row.session,
        "parentStateId": row.parent,
        "status": str(shown.status),
        "persistent": row.persistent,
        "runId": value.head.run,
        "task": shown.task if isinstance(shown.task, str) else None,
        "result": shown.result_summary,
        "queued": value.queued,
        "tokens": value.used.total_tokens,
        "elapsedMs": round(1000 * value.elapsed),
    }
    return {name: each for name, each in data.items() if each is not None}


def run(value: RunState) -> dict[str, Any]:
    """A run as it stands."""
    head, result = value.head, value.result
    data: dict[str, Any] = {
        "runId": head.run,
        "agentId": head.agent,
        "sessionId": head.session,
        "parentRunId": head.parent,
        "status": str(head.status),
        "createdAt": moment(head.created_at),
        "endedAt": None if value.ended_at is None else moment(value.ended_at),
    }
    if result is not None:
        data |= {
            "response": result.response,
            "output": result.output,
            "terminationReason": str(result.termination) if result.termination else None,
            "usage": result.usage.to_json(),
            "error": None if result.status == RunStatus.COMPLETED else _error(result),
        }
    return {name: each for name, each in data.items() if each is not None}


def moment(at: float) -> str:
    """Seconds since the epoch as `2026-11-22T10:00:00.123456Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
