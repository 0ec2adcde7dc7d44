"""The operations on scheduled agents: what each is given, and what it comes to. Names no tool."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from agiwo_protocol.contract import Limit, Name
from mcp_types import CallToolResult
from pydantic import Field

from agiwod.face.mcp import shapes
from agiwod.face.mcp.arguments import Arguments
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.scheduled import Order

StateId = Annotated[Name, Field(description="The scheduled agent, by the id that submitting gave.")]
Task = Annotated[str, Field(description="The task, in words.")]
Key = Annotated[Name | None, Field(description="The same key again never begins a second task.")]


class Submit(Arguments):
    """Who is to work on what."""

    agent: Name = Field(description="The id of the agent.")
    input: Task
    persistent: bool = Field(default=False, description="Whether it stays, to be given further tasks.")
    state_id: Name | None = Field(default=None, description="What it is to be called; without it a name is made.")
    session_id: Name | None = Field(default=None, description="The conversation to go on with.")
    idempotency_key: Key = None


class SubmitTask(Arguments):
    """The next task of a persistent agent."""

    state_id: StateId
    input: Task
    idempotency_key: Key = None


class Wait(Arguments):
    """Which task to wait for, and how long."""

    state_id: StateId
    task_id: Name | None = Field(
        default=None, description="Which of its tasks; without it the one that it was given last."
    )
    timeout_seconds: float | None = Field(default=None, ge=0, le=1e9, description="How long to wait at most.")


class StateOnly(Arguments):
    """A scheduled agent."""

    state_id: StateId


class Cancel(StateOnly):
    """A scheduled agent, and why it is to end."""

    reason: str = ""


class Tree(Arguments):
    """Where the tree begins, and how much of it is shown."""

    state_id: StateId | None = None
    limit: Limit = 100


class ListStates(Arguments):
    """Which scheduled agents are shown."""

    agent: Name | None = Field(default=None, description="Only those that are this agent.")
    statuses: list[str] | None = Field(default=None, description="Only those that stand so.")
    limit: Limit = 50


async def submit(daemon: Daemon, given: Submit) -> CallToolResult:
    """Have an agent work on a task, and answer at once."""
    order = Order(given.agent, given.input, given.persistent, given.state_id, given.session_id, given.idempotency_key)
    data = shapes.submitted(await daemon.scheduled.submit(order))
    return shapes.structured(data, f"{data['stateId']} works on task {data['taskId']}")


async def submit_task(daemon: Daemon, given: SubmitTask) -> CallToolResult:
    """Give a persistent agent its next task, and answer at once."""
    data = shapes.submitted(await daemon.scheduled.submit_task(given.state_id, given.input, given.idempotency_key))
    return shapes.structured(data, f"{data['stateId']} has task {data['taskId']}")


async def wait(daemon: Daemon, given: Wait) -> CallToolResult:
    """How a task ended, once it has."""
    task = await daemon.scheduled.task(given.state_id, given.task_id)
    await daemon.runs.wait(task, given.timeout_seconds)
    return shapes.outcome(await daemon.runs.result(task))


async def cancel(daemon: Daemon, given: Cancel) -> CallToolResult:
    """End a scheduled agent and all below it."""
    return _ended(*await daemon.scheduled.cancel(given.state_id, given.reason))


async def shutdown(daemon: Daemon, given: StateOnly) -> CallToolResult:
    """Let a scheduled agent sum up, and end."""
    return _ended(*await daemon.scheduled.shutdown(given.state_id))


def _ended(was_going: bool, status: object) -> CallToolResult:
    return shapes.structured({"accepted": was_going, "status": str(status)}, str(status))


async def get(daemon: Daemon, given: StateOnly) -> CallToolResult:
    """A scheduled agent as it stands."""
    return _shown(shapes.state(await daemon.scheduled.get(given.state_id)))


async def tree(daemon: Daemon, given: Tree) -> CallToolResult:
    """A scheduled agent and all below it."""
    found, has_more = await daemon.scheduled.tree(given.state_id, given.limit)
    return _shown({"states": [shapes.state(each) for each in found], "omitted": has_more})


async def list_states(daemon: Daemon, given: ListStates) -> CallToolResult:
    """Scheduled agents, newest first."""
    statuses = None if given.statuses is None else frozenset(given.statuses)
    found = await daemon.scheduled.list(agent=given.agent, statuses=statuses, limit=given.limit)
    return _shown({"states": [shapes.state(each) for each in found]})


def _shown(data: Mapping[str, Any]) -> CallToolResult:
    return shapes.structured(data, json.dumps(data, ensure_ascii=False))
