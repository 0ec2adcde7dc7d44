"""What one client is asked: the questions of the runs it follows or waits for, and of those below. Answers none."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from agiwo.errors import AgiwoError
from agiwo.schema.approval import Answer, Approval
from agiwo_protocol.approval import REQUEST, Reply
from agiwo_protocol.channel import ChannelClosed
from agiwo_protocol.contract import read_params
from agiwo_protocol.errors import RpcError
from agiwo_protocol.peer import Peer

from agiwod.face.rpc import encode
from agiwod.runtime.approvals import Approvals

log = logging.getLogger(__name__)


class Asking:
    """Each open question that concerns the client is one request to it, which is cancelled once somebody has answered.

    What the client answers counts as its `approval/respond`. What makes no sense is logged, and changes nothing.
    """

    def __init__(
        self,
        approvals: Approvals,
        peer: Peer,
        *,
        client: str,
        follows: Callable[[str], bool],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._approvals, self._peer, self._client = approvals, peer, client
        self._follows, self._tasks = follows, tasks
        self._waited_for = Counter[str]()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._stop = approvals.listen(self)

    def asked(self, approval: Approval) -> None:
        """A question has come up."""
        if self._concerns(approval) and approval.id not in self._under_way:
            task = self._under_way[approval.id] = self._tasks.create_task(self._put(approval))
            task.add_done_callback(lambda done: self._forget(approval.id, done))

    def resolved(self, approval: Approval) -> None:
        """A question is over, whoever has answered it."""
        if task := self._under_way.pop(approval.id, None):
            task.cancel()

    def begin(self, run: str) -> None:
        """The client follows this run from now on: ask what is open there."""
        self._tasks.create_task(self._catch_up(run))

    def review(self) -> None:
        """The client follows less than before: do not ask what does not concern it any more."""
        for approval in self._approvals.known():
            if not self._concerns(approval):
                self.resolved(approval)

    @contextmanager
    def waiting(self, run: str) -> Generator[None]:
        """The client waits for the end of this run."""
        self._waited_for[run] += 1
        self.begin(run)
        try:
            yield
        finally:
            self._waited_for[run] -= 1
            self._waited_for += Counter()  # which forgets what is at zero
            self.review()

    def close(self) -> None:
        """Ask nothing more."""
        self._stop()
        for task in list(self._under_way.values()):
            task.cancel()

    def _concerns(self, approval: Approval) -> bool:
        return any(self._follows(run) or run in self._waited_for for run in self._approvals.lineage(approval.run))

    def _forget(self, id: str, task: asyncio.Task[None]) -> None:
        if self._under_way.get(id) is task:
            del self._under_way[id]

    async def _catch_up(self, run: str) -> None:
        try:
            for approval in await self._approvals.list():
                if run in self._approvals.lineage(approval.run):
                    self.asked(approval)
        except AgiwoError as error:
            log.warning("what run %s has asked cannot be told: %s", run, error)

    async def _put(self, approval: Approval) -> None:
        try:
            said = await self._peer.request(REQUEST.name, encode.approval_object(approval).to_wire())
            answer = _answer(read_params(Reply, said), self._client)
            # From here on the answer itself would end this task, as anybody's would.
            self._under_way.pop(approval.id, None)
            if answer is not None:
                await self._approvals.respond(approval.id, answer)
        except ChannelClosed:
            return
        except (RpcError, AgiwoError) as error:
            log.warning("client %s gave no answer to %s that counts: %s", self._client, approval.id, error)


def _answer(reply: Reply, client: str) -> Answer | None:
    if reply.option_id is None:
        return None
    return Answer(reply.option_id, reply.reason or "", reply.arguments, by=client)
