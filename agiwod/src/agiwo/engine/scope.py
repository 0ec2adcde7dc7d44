"""What an effect of the embedded engine can do while it runs: stream, tell, take mail."""

from collections.abc import Mapping, Sequence
from typing import Any

from agiwo.durable import Message, RunView
from agiwo.engine.execution import Execution
from agiwo.engine.operation import Operation
from agiwo.engine.streaming import Streaming
from agiwo.errors import Interrupted
from agiwo.schema.event import RUN_RETRYING, NewEvent


class Scope:
    """The `StepScope` of one operation of one run in this process."""

    def __init__(self, execution: Execution, operation: Operation) -> None:
        self._execution, self._operation = execution, operation
        self.streaming = Streaming(execution.feed, execution.redactor, execution.clock, operation.items)

    @property
    def run(self) -> RunView:
        """The run that the step belongs to."""
        return self._execution.view

    @property
    def key(self) -> str:
        """The step's key, unique in its run."""
        return self._operation.key

    @property
    def idempotency_key(self) -> str:
        """The run and the key: the same for every attempt at this step, and for no other step."""
        return f"{self._execution.id}/{self._operation.key}"

    def open(self, item: str, kind: str, **data: Any) -> None:
        """Begin an item, or take over one that another step of this attempt began."""
        self.streaming.open(item, kind, data, self._execution.attempt, is_shown=not self._operation.settled)

    def delta(self, item: str, kind: str, text: str) -> None:
        """Add to an open item's stream; known secrets are held back and replaced."""
        if not self._operation.settled:
            self.streaming.delta(item, kind, text)

    def notice(self, type: str, data: Mapping[str, Any]) -> None:
        """Tell present readers something that is not kept."""
        execution = self._execution
        execution.feed.notice(type, execution.redactor.data(data), execution.clock.now())

    async def record(self, event: NewEvent) -> None:
        """Commit a durable event at once; `run/retrying` also ends the attempt that the step's items are in."""
        if self._operation.settled:
            stop = self._execution.interruptions.latest
            raise Interrupted(stop.cause if stop else "cancel", "", self._execution.clock.now())
        await self._execution.commit(self._execution.entry(event))
        if event.type == RUN_RETRYING:
            self.streaming.drop()

    async def drain(self, topic: str) -> Sequence[Message]:
        """Take the messages that came for `topic`; a mailbox that was closed takes messages again."""
        mail = self._execution.mail
        mail.reopen(self._operation, topic)
        messages = mail.waiting(topic)
        for message in messages:
            mail.take(self._operation, message)
        return messages

    async def close(self, topic: str) -> bool:
        """Accept no more messages for `topic`, unless some wait already."""
        return self._execution.mail.close(self._operation, topic)
