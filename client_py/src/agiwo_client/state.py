"""A scheduled agent in the hands of a client: give it tasks, wait for them, end it. It lives in the daemon."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from agiwo_protocol import run, scheduler
from agiwo_protocol.contract import Method, Wire
from agiwo_protocol.item import Input

P = TypeVar("P", bound=Wire)
R = TypeVar("R", bound=Wire)
T = TypeVar("T")


class Caller(Protocol):
    """What a state needs of a client."""

    async def call(self, method: Method[P, R], params: P, *, timeout: float | None = 60.0) -> R:
        """Ask the daemon."""
        ...

    async def persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What may be done twice, done until there is an answer."""
        ...


class State:
    """A scheduled agent, which outlives its runs. `run_id` is the task that was submitted last through this object."""

    def __init__(self, caller: Caller, state_id: str, run_id: str | None = None) -> None:
        self.id, self.run_id = state_id, run_id
        self._caller = caller

    async def submit_task(self, input: Input, *, idempotency_key: str | None = None) -> str:
        """Give a persistent agent its next task, once, over lost connections too; returns the task's id.

        Raises:
            RpcError: of kind conflict, when it takes no more tasks.
        """
        key = idempotency_key or uuid.uuid4().hex
        params = scheduler.SubmitTaskParams(state_id=self.id, input=input, idempotency_key=key)
        submitted = await self._caller.persist(lambda: self._caller.call(scheduler.SUBMIT_TASK, params))
        self.run_id = submitted.run_id
        return submitted.run_id

    async def wait(self, task: str | None = None, timeout: float | None = None) -> run.Run:
        """The run of a task once it has ended, whatever happens to the connection meanwhile.

        Without `task` it is the one that was submitted last: through this object, else by anybody.

        Raises:
            RpcError: of kind deadline_exceeded, when it has not ended after `timeout` seconds. It goes on.
        """
        limit = None if timeout is None else max(1, round(timeout * 1000))
        params = scheduler.WaitParams(state_id=self.id, task_id=task or self.run_id, timeout_ms=limit)
        return await self._caller.persist(lambda: self._caller.call(scheduler.WAIT, params, timeout=None))

    async def get(self) -> scheduler.State:
        """The agent as it stands."""
        return await self._caller.call(scheduler.GET, scheduler.StateParams(state_id=self.id))

    async def tree(self) -> list[scheduler.State]:
        """The agent and all below it, each before those below it."""
        return (await self._caller.call(scheduler.TREE, scheduler.TreeParams(state_id=self.id))).states

    async def cancel(self, reason: str | None = None) -> bool:
        """End the agent and all below it, for good; True if it had not ended yet."""
        params = scheduler.CancelParams(state_id=self.id, reason=reason)
        return (await self._caller.call(scheduler.CANCEL, params)).accepted

    async def shutdown(self) -> bool:
        """Let the agent and those below it sum up, and end; True if it had not ended yet."""
        return (await self._caller.call(scheduler.SHUTDOWN, scheduler.StateParams(state_id=self.id))).accepted
