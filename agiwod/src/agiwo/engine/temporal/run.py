"""A run as a workflow: what reaches it from outside, and its place in Temporal. What it does is `RunDriver`'s."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from agiwo.engine.temporal.driver import RunDriver
from agiwo.engine.temporal.names import RUN
from agiwo.errors import Conflict


@workflow.defn(name=RUN, sandboxed=False)
class AgentRun:
    """One run. Its history is Temporal's, its records are the journal's; the same code as everywhere makes both."""

    @workflow.init
    def __init__(self, run: str, is_free: bool) -> None:
        self._driver = RunDriver(run, is_free=is_free)

    @workflow.run
    async def run(self, run: str, is_free: bool) -> None:
        """Take the run to its end; with `is_free` at once, else when it is its turn."""
        await self._driver.drive()
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.signal
    def go(self) -> None:
        """It is the run's turn."""
        self._driver.is_free = True

    @workflow.signal
    async def interrupt_below(self, cause: str, reason: str, scope: str) -> None:
        """The run above it is interrupted, and those below with it."""
        await self._driver.interrupt(cause, reason, "tree" if scope == "tree" else "run")

    @workflow.update
    async def interrupt(self, cause: str, reason: str, scope: str) -> bool:
        """Record that the run is to stop, or to rest no more; False when it had ended."""
        return await self._driver.interrupt(cause, reason, "tree" if scope == "tree" else "run")

    @workflow.update
    async def send(self, letter: bytes) -> bool:
        """Put a message in its mailbox; False when there is one with this id."""
        try:
            return await self._driver.receive(letter)
        except Conflict as refusal:
            raise ApplicationError(str(refusal), type="Conflict", non_retryable=True) from refusal

    @workflow.update
    async def drain(self, key: str, attempt: int, topic: str) -> bytes:
        """The messages for a step under way."""
        return self._driver.drain(key, attempt, topic)

    @workflow.update
    async def close(self, key: str, attempt: int, topic: str) -> bool:
        """Take no more messages, for a step under way; False when some wait."""
        return self._driver.close(key, attempt, topic)

    @workflow.signal
    def resume(self) -> None:
        """Look again whether a suspended run can go on."""
        self._driver.is_resumed = True
