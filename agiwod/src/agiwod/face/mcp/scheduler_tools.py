"""The operations on scheduled agents as tools: what hosts are told of each. `scheduler_operations` carries them out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agiwo_protocol.contract import read_params
from mcp_types import CallToolResult, Tool, ToolAnnotations

from agiwod.face.mcp import scheduler_operations as operations
from agiwod.face.mcp import shapes
from agiwod.face.mcp.arguments import Arguments, schema_of
from agiwod.runtime.daemon import Daemon


@dataclass(frozen=True, slots=True)
class _Operation:
    """One of them: what it takes and gives, whether it only reads, and whether it ends something."""

    about: str
    takes: type[Arguments]
    carry_out: Callable[[Daemon, Any], Awaitable[CallToolResult]]
    gives: dict[str, Any]
    reads: bool = False
    ends: bool = False


_ENDED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "accepted": {"type": "boolean", "description": "Whether there was something to end."},
        "status": {"type": "string"},
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

OPERATIONS: Final[dict[str, _Operation]] = {
    "scheduler_submit": _Operation(
        "Have an agent work on a task in the background, where it may start other agents and sleep. Answers at once "
        "with a stateId; scheduler_wait gives the result.",
        operations.Submit,
        operations.submit,
        shapes.SUBMITTED,
    ),
    "scheduler_submit_task": _Operation(
        "Give a persistent scheduled agent its next task. Answers at once.",
        operations.SubmitTask,
        operations.submit_task,
        shapes.SUBMITTED,
    ),
    "scheduler_wait": _Operation(
        "Wait until a task of a scheduled agent has ended, and get its result.",
        operations.Wait,
        operations.wait,
        shapes.OUTCOME,
        reads=True,
    ),
    "scheduler_cancel": _Operation(
        "End a scheduled agent and all below it, for good.",
        operations.Cancel,
        operations.cancel,
        _ENDED,
        ends=True,
    ),
    "scheduler_shutdown": _Operation(
        "Let a scheduled agent and those below it sum up, and end.",
        operations.StateOnly,
        operations.shutdown,
        _ENDED,
        ends=True,
    ),
    "scheduler_get": _Operation(
        "How a scheduled agent stands: what it works on, what it waits for, what it said last.",
        operations.StateOnly,
        operations.get,
        shapes.STATE,
        reads=True,
    ),
    "scheduler_list": _Operation(
        "The scheduled agents, newest first.",
        operations.ListStates,
        operations.list_states,
        _STATES,
        reads=True,
    ),
    "scheduler_tree": _Operation(
        "A scheduled agent and all that it has started; without a stateId all trees that have not ended.",
        operations.Tree,
        operations.tree,
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
            input_schema=schema_of(each.takes),
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
    return await operation.carry_out(daemon, read_params(operation.takes, arguments))
