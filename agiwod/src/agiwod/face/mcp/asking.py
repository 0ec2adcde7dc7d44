"""Approvals as forms in the middle of a call, for clients of the older era. Knows no run: only what is open of it."""

import logging
from collections.abc import Mapping
from typing import Any

import anyio
from agiwo.errors import AgiwoError
from agiwo.schema.approval import Approval
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import ElicitResult

from agiwod.face.mcp.questions import Questions, answer_of, form_of
from agiwod.face.mcp.sessions import Context, client_name
from agiwod.runtime.approvals import Approvals

log = logging.getLogger(__name__)


class Asking:
    """Each open question is one form, which is taken back once somebody else has answered."""

    def __init__(self, questions: Questions, approvals: Approvals, context: Context) -> None:
        self._questions, self._approvals, self._context = questions, approvals, context

    async def run(self) -> None:
        """Ask whatever comes up, until cancelled."""
        put: dict[str, anyio.CancelScope] = {}
        async with anyio.create_task_group() as tasks:
            while True:
                self._questions.news.clear()
                for id in [id for id in put if id not in self._questions.open]:
                    put.pop(id).cancel()
                for id in [id for id in self._questions.open if id not in put]:
                    put[id] = anyio.CancelScope()
                    tasks.start_soon(self._put, self._questions.open[id], put[id])
                await self._questions.news.wait()

    async def _put(self, approval: Approval, scope: anyio.CancelScope) -> None:
        with scope:
            related = ServerMessageMetadata(related_request_id=self._context.request_id)
            try:
                said = await self._context.session.send_request(form_of(approval), ElicitResult, metadata=related)
            except MCPError as error:
                log.warning("an MCP client gave no answer to %s: %s", approval.id, error)
                return
            # From here on the answer itself would end this task, as anybody's would.
            with anyio.CancelScope(shield=True):
                await respond(self._approvals, approval, said, client_name(self._context))


async def respond(approvals: Approvals, approval: Approval, said: ElicitResult, client: str) -> None:
    """Take what a user has decided. What does not count is logged, and changes nothing."""
    answer = answer_of(said, client)
    if answer is None:
        return
    try:
        await approvals.respond(approval.id, answer)
    except AgiwoError as error:
        log.warning("the answer of %s to %s does not count: %s", client, approval.id, error)


async def respond_all(approvals: Approvals, said: Mapping[str, Any], client: str) -> None:
    """The same for answers by the ids of their questions; what answers nothing that is open is passed by."""
    for approval in await approvals.list():
        answer = said.get(approval.id)
        if isinstance(answer, ElicitResult):
            await respond(approvals, approval, answer, client)
