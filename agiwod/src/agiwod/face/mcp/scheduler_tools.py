"""The operations on scheduled agents as tools: what each takes and gives. `scheduler_operations` carries them out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agiwo_protocol.contract import Wire, read_params
from mcp_types import CallToolResult, Tool, ToolAnnotations

from agiwod.face.mcp import scheduler_operations as operations
from agiwod.face.mcp import shapes
from agiwod.runtime.daemon import Daemon

_STATE: Final[dict[str, Any]] = {
    "type": "string",
    "description": "The scheduled agent, by the id that submitting gave.",
}
_TEXT: Final[dict[str, Any]] = {"type": "string"}


@dataclass(frozen=True, slots=True)
class _Operation:
    """One of them. `takes` describes its arguments, `needs` are those that are required, `params` what they become."""

    about: str
    params: type[Wire]
    carry_out: Callable[[Daemon, Any], Awaitable[CallToolResult]]
    takes: dict[str, Any]
    gives: dict[str, Any]
    needs: tuple[str, ...] = ()
    reads: bool = False
    ends: bool = False


_ENDED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "accepted": {"type": "boolean", "description": "Whether there was something to end."},
        "status": _TEXT,
    },
    "required": ["accepted", "status"],
}
_STATES: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "states": {"type": "array", "items": shapes.STATE},
        "omitted": {"type": "boolean", "description": "Whether there are more."},
    },
    "required": ["states"],
}
_KEY: Final[dict[str, Any]] = {**_TEXT, "description": "The same key again never begins a second task."}
_LIMIT: Final[dict[str, Any]] = {"type": "integer", "minimum": 1, "maximum": 1000}

OPERATIONS: Final[dict[str, _Operation]] = {
    "scheduler_submit": _Operation(
        "Have an agent work on a task in the background, where it may start other agents and sleep. Answers at once "
        "with a stateId; scheduler_wait gives the result.",
        operations.Submit,
        operations.submit,
        {
            "agent": {**_TEXT, "description": "The id of the agent."},
            "input": {**_TEXT, "description": "The task, in words."},
            "persistent": {"type": "boolean", "description": "Whether it stays, to be given further tasks."},
            "stateId": {**_TEXT, "description": "What it is to be called; without it a name is made."},
            "sessionId": {**_TEXT, "description": "The conversation to go on with."},
            "idempotencyKey": _KEY,
        },
        shapes.SUBMITTED,
        needs=("agent", "input"),
    ),
    "scheduler_submit_task": _Operation(
        "Give a persistent scheduled agent its next task. Answers at once.",
        operations.Task,
        operations.submit_task,
        {"stateId": _STATE, "input": {**_TEXT, "description": "The task, in words."}, "idempotencyKey": _KEY},
        shapes.SUBMITTED,
        needs=("stateId", "input"),
    ),
    "scheduler_wait": _Operation(
        "Wait until a task of a scheduled agent has ended, and get its result.",
        operations.Wait,
        operations.wait,
        {
            "stateId": _STATE,
            "taskId": {**_TEXT, "description": "Which of its tasks; without it the one that it was given last."},
            "timeoutSeconds": {"type": "number", "minimum": 0, "description": "How long to wait at most."},
        },
        shapes.OUTCOME,
        needs=("stateId",),
        reads=True,
    ),
    "scheduler_cancel": _Operation(
        "End a scheduled agent and all below it, for good.",
        operations.Cancel,
        operations.cancel,
        {"stateId": _STATE, "reason": _TEXT},
        _ENDED,
        needs=("stateId",),
        ends=True,
    ),
    "scheduler_shutdown": _Operation(
        "Let a scheduled agent and those below it sum up, and end.",
        operations.StateOnly,
        operations.shutdown,
        {"stateId": _STATE},
        _ENDED,
        needs=("stateId",),
        ends=True,
    ),
    "scheduler_get": _Operation(
        "How a scheduled agent stands: what it works on, what it waits for, what it said last.",
        operations.StateOnly,
        operations.get,
        {"stateId": _STATE},
        shapes.STATE,
        needs=("stateId",),
        reads=True,
    ),
    "scheduler_list": _Operation(
        "The scheduled agents, newest first.",
        operations.ListStates,
        operations.list_states,
        {
            "agent": {**_TEXT, "description": "Only those that are this agent."},
            "statuses": {"type": "array", "items": _TEXT, "description": "Only those that stand so."},
            "limit": _LIMIT,
        },
        _STATES,
        reads=True,
    ),
    "scheduler_tree": _Operation(
        "A scheduled agent and all that it has started; without a stateId all trees that have not ended.",
        operations.Tree,
        operations.tree,
        {"stateId": _STATE, "limit": _LIMIT},
        _STATES,
        reads=True,
    ),
}
"""Each by the name of its tool."""


def scheduler_tools() -> list[Tool]:
    """A tool for each operation."""
    return [
        Tool(
            name=name,
            title=name.replace("_", " "),
            description=each.about,
            input_schema={
                "type": "object",
                "properties": each.takes,
                "required": list(each.needs),
                "additionalProperties": False,
            },
            output_schema=each.gives,
            annotations=ToolAnnotations(
                read_only_hint=each.reads,
                destructive_hint=each.ends,
                idempotent_hint=each.reads or each.ends,
                open_world_hint=not each.reads and not each.ends,
            ),
        )
        for name, each in OPERATIONS.items()
    ]


async def operate(daemon: Daemon, name: str, arguments: Mapping[str, Any] | None) -> CallToolResult:
    """Carry out one of the operations.

    Raises: what the operation does; InvalidParams when the arguments are wrong.
    """
    operation = OPERATIONS[name]
    return await operation.carry_out(daemon, read_params(operation.params, arguments))
