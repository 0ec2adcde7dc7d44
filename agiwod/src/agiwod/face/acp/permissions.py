"""Approvals as an editor is asked them: each open question of a run that it is told of is one request. Answers none."""

import asyncio
import logging
from typing import Any, Final

from agiwo.errors import AgiwoError
from agiwo.schema.approval import Answer, Approval, Option
from agiwo.schema.event import Event
from agiwo_protocol.channel import ChannelClosed
from agiwo_protocol.contract import read_params
from agiwo_protocol.errors import RpcError
from agiwo_protocol.peer import Peer

from agiwod.face.acp.session import OpenSession
from agiwod.face.acp.shapes import Json, Permission
from agiwod.face.acp.tool_calls import described
from agiwod.runtime.approvals import Approvals

_OPTIONS: Final[dict[Option, tuple[str, str]]] = {
    "allow_once": ("allow_once", "Allow"),
    "allow_session": ("allow_always", "Allow every call of {name} in this session"),
    "deny": ("reject_once", "Do not allow"),
}
"""What can be answered, in ACP's words and as an editor shows it."""

log = logging.getLogger(__name__)


class Permissions:
    """The questions of one connection. One that somebody else answers is taken back; the first answer counts."""

    def __init__(self, approvals: Approvals, peer: Peer, tasks: asyncio.TaskGroup) -> None:
        self.client = "an editor"
        self._approvals, self._peer, self._tasks = approvals, peer, tasks
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._stop = approvals.listen(self)

    def ask(self, session: OpenSession, event: Event) -> None:
        """An event says that a question came up, perhaps long ago."""
        id: str = event.data["approvalId"]
        if id not in self._under_way:
            task = self._under_way[id] = self._tasks.create_task(self._put(session, id), name=f"permission {id}")
            task.add_done_callback(lambda done: self._forget(id, done))

    def asked(self, approval: Approval) -> None:
        """A question has come up; the event that says so comes, too, and in its place among the others."""

    def resolved(self, approval: Approval) -> None:
        """A question is over, whoever has answered it."""
        if task := self._under_way.pop(approval.id, None):
            task.cancel()

    def close(self) -> None:
        """Ask nothing more."""
        self._stop()
        for task in list(self._under_way.values()):
            task.cancel()

    def _forget(self, id: str, task: asyncio.Task[None]) -> None:
        if self._under_way.get(id) is task:
            del self._under_way[id]

    async def _put(self, session: OpenSession, id: str) -> None:
        await session.is_open.wait()
        try:
            approval = next((each for each in await self._approvals.list() if each.id == id), None)
            if approval is None:
                return
            said = read_params(
                Permission, await self._peer.request("session/request_permission", _form(session, approval))
            )
            # From here on the answer itself would end this task, as anybody's would.
            self._under_way.pop(id, None)
            if answer := _answer(said, self.client):
                await self._approvals.respond(id, answer)
        except ChannelClosed:
            return
        except (RpcError, AgiwoError) as error:
            log.warning("the answer of %s to %s does not count: %s", self.client, id, error)


def _form(session: OpenSession, approval: Approval) -> Json:
    call = described(approval.name, dict(approval.arguments), session.cwd)
    about = {"agiwod": {"reason": approval.reason, "runId": approval.run, "approvalId": approval.id}}
    return {
        "sessionId": session.id,
        "toolCall": {"toolCallId": approval.item, **call, "status": "pending", "_meta": about},
        "options": [
            {"optionId": option, "name": name.format(name=approval.name), "kind": kind}
            for option, (kind, name) in _OPTIONS.items()
        ],
    }


def _answer(said: Permission, client: str) -> Answer | None:
    """What was decided; None when the prompt was cancelled, or the option is none of ours."""
    chosen: Any = said.outcome.option_id
    if said.outcome.outcome != "selected" or chosen not in _OPTIONS:
        return None
    return Answer(chosen, by=client)
