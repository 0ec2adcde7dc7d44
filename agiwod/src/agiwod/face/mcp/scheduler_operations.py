"""The operations on scheduled agents: what each is given, and what it comes to. Describes none of them."""

import json
from collections.abc import Mapping
from typing import Any

from agiwo_protocol.contract import Limit, Name, Wire
from mcp_types import CallToolResult
from pydantic import Field

from agiwod.face.mcp import shapes
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.scheduled import Order


class Submit(Wire):
    """Who is to work on what."""

    agent: Name
    input: str
    persistent: bool = False
    state_id: Name | None = None
    session_id: Name | None = None
    idempotency_key: Name | None = None


class Task(Wire):
    """The next task of a persistent agent."""

    state_id: Name
    input: str
    idempotency_key: Name | None = None


class Wait(Wire):
    """Which task to wait for, and how long."""

    state_id: Name
    task_id: Name | None = None
    timeout_seconds: float | None = Field(default=None, ge=0, le=1e9)


class StateOnly(Wire):
    """A scheduled agent."""

    state_id: Name


class Cancel(StateOnly):
    """A scheduled agent, and why it is to end."""

    reason: str = ""


class Tree(Wire):
    """Where the tree begins, and how much of it is shown."""

    state_id: Name | None = None
    limit: Limit = 100


class ListStates(Wire):
    """Which scheduled agents are shown."""

    agent: Name | None = None
    statuses: list[str] | None = None
    limit: Limit = 50


async def submit(daemon: Daemon, given: Submit) -> CallToolResult:
    """Have an agent work on a task, and answer at once."""
    order = Order(given.agent, given.input, given.persistent, given.state_id, given.session_id, given.idempotency_key)
    data = shapes.submitted(await daemon.scheduled.submit(order))
    return shapes.structured(data, f"{data['stateId']} works on task {data['taskId']}")


async def submit_task(daemon: Daemon, given: Task) -> CallToolResult:
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
