"""Runs as tasks, for clients that know them: a call answers at once, and the task is looked at until it has ended.

A task's id is its run's, so it outlives the connection and the daemon. Knows no tools.
"""

from typing import Any, Final

from agiwo.engine.cursor import Cursor
from agiwo.errors import NotFound
from agiwo.schema.run import RunStatus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    HEADER_MISMATCH,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    InputResponses,
    RequestParams,
)

from agiwod.face.mcp.asking import respond_all
from agiwod.face.mcp.faults import unknown
from agiwod.face.mcp.questions import can_ask, form_of
from agiwod.face.mcp.sessions import Context, client_name, is_modern
from agiwod.face.mcp.shapes import moment, outcome
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.runs import RunState

EXTENSION: Final = "io.modelcontextprotocol/tasks"

_POLL_MS: Final = 500
"""Milliseconds after which it is worth while to look again."""

Data = dict[str, Any]


class TaskParams(RequestParams):
    """A task, by its id."""

    task_id: str


class UpdateParams(TaskParams):
    """Answers to what a task has asked."""

    input_responses: InputResponses


def knows_tasks(context: Context) -> bool:
    """Whether the client of this request knows tasks."""
    capabilities = context.session.client_capabilities
    return is_modern(context) and EXTENSION in ((capabilities and capabilities.extensions) or {})


class Tasks:
    """The runs that are shown, as tasks."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    async def begun(self, cursor: Cursor) -> Data:
        """What is answered to a call whose run has begun."""
        head = await self._daemon.runs.head(cursor.run)
        return {"resultType": "task", **_standing(RunState(head), "working")}

    async def get(self, context: Context, params: TaskParams) -> Data:
        """How a task stands: with its result when it has ended, or with what it asks."""
        state = await self._found(context, params)
        match state.head.status:
            case RunStatus.CANCELLED:
                return _standing(state, "cancelled")
            case RunStatus.COMPLETED | RunStatus.FAILED:
                # A failed run is a result that is an error; a task fails only when there is no result.
                result = outcome(await self._daemon.runs.result(params.task_id))
                return {**_standing(state, "completed"), "result": result.model_dump(by_alias=True, exclude_none=True)}
            case _:
                asked = await self._asked(params.task_id) if can_ask(context.session.client_capabilities) else {}
                forms = {"inputRequests": asked} if asked else {}
                return {**_standing(state, "input_required" if asked else "working"), **forms}

    async def update(self, context: Context, params: UpdateParams) -> Data:
        """Answer what a task has asked."""
        await self._found(context, params)
        await respond_all(self._daemon.approvals, params.input_responses, client_name(context))
        return {}

    async def cancel(self, context: Context, params: TaskParams) -> Data:
        """End a task, if it has not ended."""
        await self._found(context, params)
        await self._daemon.runs.abandon([params.task_id], "the MCP client cancelled the task")
        return {}

    async def _found(self, context: Context, params: TaskParams) -> RunState:
        _check(context, params.task_id)
        try:
            return await self._daemon.runs.get(params.task_id)
        except NotFound:
            raise unknown("task", params.task_id) from None

    async def _asked(self, run: str) -> Data:
        found = [
            each for each in await self._daemon.approvals.list() if run in self._daemon.approvals.lineage(each.run)
        ]
        return {each.id: form_of(each).model_dump(by_alias=True, exclude_none=True) for each in found}


def _check(context: Context, task: str) -> None:
    """Refuse who does not know tasks, and whose headers name another one."""
    if not is_modern(context):
        raise MCPError(METHOD_NOT_FOUND, "Method not found", context.method)
    if not knows_tasks(context):
        needed: Data = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, f"{context.method} is for clients that know tasks", needed)
    if context.request is not None and context.request.headers.get("mcp-name") != task:
        raise MCPError(HEADER_MISMATCH, "the header Mcp-Name has to be the task's id")


def _standing(state: RunState, status: str) -> Data:
    return {
        "taskId": state.head.run,
        "status": status,
        "createdAt": moment(state.head.created_at),
        "lastUpdatedAt": moment(state.head.updated_at),
        "ttlMs": None,  # runs are kept
        "pollIntervalMs": _POLL_MS,
    }
