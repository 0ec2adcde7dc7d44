"""The waits of one run: for other runs, for a time, for mail. While nothing else is done the run gives up its slot."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

from agiwo.durable import Message, WaitMode
from agiwo.engine.bell import Bell
from agiwo.engine.execution import Execution
from agiwo.engine.operation import Operation
from agiwo.engine.stopwatch import WAIT_INTENT, WAIT_OUTCOME
from agiwo.engine.waitset import Waitset
from agiwo.failpoint import reach
from agiwo.schema.event import RUN_SLEEPING
from agiwo.schema.record import Entry, Json
from agiwo.schema.run import RunStatus


class Waiting:
    """What operations of a run do that wait. Each records its deadline first, and how it ended last."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def for_runs(self, operation: Operation, ids: Sequence[str], mode: WaitMode, timeout: float | None) -> None:
        """Wait for runs to end, or `timeout` seconds."""
        execution = self._execution
        async with self._pausing(operation):
            if not await self._may_wait(operation, ids):
                return
            deadline = await self._deadline(operation, timeout, {"runs": list(ids), "mode": mode})
            reach("wait/recorded")
            journal, ends = execution.storage.journal, execution.host.ends
            waitset = Waitset(journal, ends, execution.clock, ids, mode, deadline)
            try:
                async with self._counting(operation, ids):
                    await waitset.look()
                    with self._asleep(operation, waitset):
                        await waitset.rings()
                outcome = await waitset.outcome()
                reach("wake/before")
            finally:
                waitset.close()
            await execution.record(operation, WAIT_OUTCOME, outcome)

    async def for_mail(
        self, operation: Operation, topic: str, match: Mapping[str, Any] | None, timeout: float | None
    ) -> None:
        """Wait for a message, or `timeout` seconds."""
        async with self._pausing(operation):
            if not await self._execution.rest(operation):
                return
            message = await self._next_message(operation, topic, match, await self._deadline(operation, timeout))
            value = message and {"id": message.id, "topic": topic, "data": dict(message.data), "at": message.at}
            await self._execution.record(operation, WAIT_OUTCOME, {"value": value})

    async def _may_wait(self, operation: Operation, ids: Sequence[str]) -> bool:
        """Whether the run may wait for those: it may as long as they work for it, and else if it may rest."""
        return (bool(ids) and self._status(operation) == RunStatus.WAITING) or await self._execution.rest(operation)

    def _status(self, operation: Operation) -> RunStatus:
        """What the run is while it waits; how it is recorded counts."""
        record = self._execution.keyed.get(f"{operation.key}@")
        if record:
            return RunStatus(record.data["status"])
        return RunStatus.SLEEPING if self._execution.is_emitting(RUN_SLEEPING) else RunStatus.WAITING

    @asynccontextmanager
    async def _pausing(self, operation: Operation) -> AsyncGenerator[None]:
        self._execution.slot.begin_wait(operation)
        try:
            yield
        finally:
            self._execution.slot.end_wait(operation)

    async def _deadline(self, operation: Operation, timeout: float | None, asked: Json | None = None) -> float | None:
        """The deadline, recorded before the first moment of the wait; a run that sleeps shows what it was `asked`."""
        execution, key, status = self._execution, f"{operation.key}@", self._status(operation)
        if record := execution.keyed.get(key):
            deadline, entries = record.data["deadline"], list[Entry]()
        else:
            now = execution.clock.now()
            deadline = None if timeout is None else now + timeout
            entries = [Entry(WAIT_INTENT, {"deadline": deadline, "status": str(status)}, now, key, public=False)]
        wake = {"deadline": deadline, **asked} if asked and status == RunStatus.SLEEPING else None
        if entries or not execution.is_rebuilt:
            await execution.commit(*entries, status=status, wake=wake)
        else:
            execution.wake = wake  # as it is recorded
        await execution.show_company()
        return deadline

    @asynccontextmanager
    async def _counting(self, operation: Operation, ids: Sequence[str]) -> AsyncGenerator[None]:
        """Count the time that children take, as long as this run does nothing but wait for them; asleep it does not."""
        execution = self._execution
        with ExitStack() as links:
            if self._status(operation) == RunStatus.WAITING:
                operation.awaited = execution.host.below(execution.id, ids)
                async with execution.host.awake(lambda: operation.awaited) as children:
                    for child in children:
                        links.enter_context(child.stopwatch.linked(execution.stopwatch))
            yield

    @contextmanager
    def _asleep(self, operation: Operation, waitset: Waitset) -> Generator[None]:
        """Let it be known that the run sleeps, if it does: it may be parked from now on."""
        if self._status(operation) != RunStatus.SLEEPING or waitset.is_over:
            yield
            return
        operation.sleep = waitset
        self._execution.host.fell_asleep(self._execution)
        try:
            yield
        finally:
            operation.sleep = None
            self._execution.host.woke_up(self._execution)

    async def _next_message(
        self, operation: Operation, topic: str, match: Mapping[str, Any] | None, deadline: float | None
    ) -> Message | None:
        mail = asyncio.create_task(self._mail(operation, topic, match))
        try:
            await Bell(self._execution.clock, [mail], 1, deadline).rings()
            return mail.result() if mail.done() else None
        finally:
            mail.cancel()

    async def _mail(self, operation: Operation, topic: str, match: Mapping[str, Any] | None) -> Message:
        while not (messages := self._execution.mail.waiting(topic, match)):
            await self._execution.mail.news()
        self._execution.mail.take(operation, messages[0])
        return messages[0]
