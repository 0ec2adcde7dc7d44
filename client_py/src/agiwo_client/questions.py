"""What the daemon asks this client: whether tool calls may run. Puts it to a callback; knows no connection's life.

One question may come over several connections, of which each follows or waits for the run: it is put once.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agiwo_protocol.approval import Approval, Option, Reply
from agiwo_protocol.contract import read_params

Said = Reply | Option | bool | None
"""What the callback may say: a reply, the option alone, yes or no; None leaves the question to others."""

OnApproval = Callable[[Approval], Awaitable[Said]]
"""An async function that is asked. It is cancelled when somebody else has answered, or the connection is lost."""

PlainOnApproval = Callable[[Approval], Said]
"""A plain function that is asked, in a thread. What it says when somebody else has answered counts no more."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Put:
    """A question that was put to the callback, and how many requests wait for what it says."""

    task: asyncio.Task[Reply]
    waiting: int = 0


class Questions:
    """The questions that are open here, by their ids."""

    def __init__(self, callback: OnApproval | PlainOnApproval) -> None:
        self._callback = callback
        self._put: dict[str, _Put] = {}

    async def serve(self, params: Mapping[str, Any] | list[Any] | None) -> dict[str, Any]:
        """The answer to an `approval/request`, once the callback has said something.

        Raises:
            RpcError: it is no question.
        """
        return (await self._ask(read_params(Approval, params))).to_wire()

    async def aclose(self) -> None:
        """Ask the callback nothing more."""
        tasks = [put.task for put in self._put.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, approval: Approval) -> Reply:
        put = self._put.get(approval.approval_id)
        if put is None or put.task.done():
            task = asyncio.create_task(self._say(approval), name=f"on_approval {approval.approval_id}")
            put = self._put[approval.approval_id] = _Put(task)
        put.waiting += 1
        try:
            return await asyncio.shield(put.task)
        finally:
            put.waiting -= 1
            if not put.waiting:
                put.task.cancel()
                if self._put.get(approval.approval_id) is put:
                    del self._put[approval.approval_id]

    async def _say(self, approval: Approval) -> Reply:
        # The border to code that is not ours: what goes wrong there leaves the question to others.
        try:
            said = await asyncio.to_thread(self._callback, approval)
            return _reply(await said if inspect.isawaitable(said) else said)
        except Exception:
            log.exception("on_approval failed; question %s stays open", approval.approval_id)
            return Reply()


def _reply(said: Said) -> Reply:
    if isinstance(said, Reply):
        return said
    if isinstance(said, bool):
        return Reply(option_id="allow_once" if said else "deny")
    return Reply(option_id=said)
