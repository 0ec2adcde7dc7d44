"""The questions whether tool calls may run: which are open, and answering them. The first answer counts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from agiwo.engine.approvals import Resolution, question_in, respond
from agiwo.engine.serving import ServingEngine
from agiwo.schema.approval import Answer, Approval
from agiwo.schema.event import APPROVAL_REQUESTED, APPROVAL_RESOLVED, TERMINAL_EVENTS
from agiwo.schema.record import Record, RunHead

from agiwod.runtime.events import Events


class Audience(Protocol):
    """Who wants to know of questions. Must not wait."""

    def asked(self, approval: Approval) -> None:
        """A question has come up."""
        ...

    def resolved(self, approval: Approval) -> None:
        """A question is over."""
        ...


class Approvals:
    """The open questions of the runs that an engine drives. What is kept here is only what the runs' journals say."""

    def __init__(self, engine: ServingEngine, events: Events) -> None:
        self._engine, self._events = engine, events
        self._open: dict[str, Approval] = {}
        self._unread: set[str] = set()
        self._parents: dict[str, str] = {}
        self._audiences: list[Audience] = []

    def follow(self, head: RunHead, *, is_begun: bool = False) -> None:
        """Hear what the run asks, from now until it ends; what it asked before, if it `is_begun`, is looked up."""
        if head.parent:
            self._parents[head.run] = head.parent
        if is_begun or head.head > 1:
            self._unread.add(head.run)
        stops: list[Callable[[], None]] = []

        def hear(records: Sequence[Record]) -> None:
            for record in records:
                self._take(record, head)
                if record.type in TERMINAL_EVENTS:
                    stops.pop()()

        stops.append(self._engine.journal.watch(head.run, hear))

    def _take(self, record: Record, head: RunHead) -> None:
        if record.type in (APPROVAL_REQUESTED, APPROVAL_RESOLVED):
            self._note(record)
            data = {"runId": head.run, "agentId": head.agent, "sessionId": head.session, **record.data}
            self._events.publish("approval", record.type, data)
        elif record.type in TERMINAL_EVENTS:
            self._unread.discard(record.run)
            for id in [each.id for each in self._open.values() if each.run == record.run]:
                self._close(id)
            self._parents.pop(record.run, None)

    def _note(self, record: Record) -> None:
        """Take up what a record says of the questions."""
        if record.type == APPROVAL_REQUESTED:
            approval = self._open[record.data["approvalId"]] = question_in(record)
            for audience in list(self._audiences):
                audience.asked(approval)
        elif record.type == APPROVAL_RESOLVED:
            self._close(record.data["approvalId"])

    def _close(self, id: str) -> None:
        approval = self._open.pop(id, None)
        if approval:
            for audience in list(self._audiences):
                audience.resolved(approval)

    def listen(self, audience: Audience) -> Callable[[], None]:
        """Tell of each question that comes up from now on, and when one is over; call the result to stop."""
        self._audiences.append(audience)
        return lambda: self._audiences.remove(audience)

    def lineage(self, run: str) -> Iterator[str]:
        """An unfinished run, and those above it, as far as they have not ended."""
        above: str | None = run
        while above is not None:
            yield above
            above = self._parents.get(above)

    def known(self) -> list[Approval]:
        """The open questions that are at hand; `list` also looks up those of an earlier process."""
        return list(self._open.values())

    async def list(self, run: str | None = None) -> list[Approval]:
        """The open questions, oldest first; of one run if it is named."""
        while self._unread:
            for record in await self._engine.journal.load(unread := next(iter(self._unread))):
                self._note(record)
            self._unread.discard(unread)
        found = [each for each in self._open.values() if run in (None, each.run)]
        return sorted(found, key=lambda each: each.created_at)

    async def respond(self, id: str, answer: Answer) -> Resolution:
        """Answer a question, unless it has been answered; how it ended either way.

        Raises:
            NotFound: no such question was asked.
            ToolError: the tool does not take the arguments of the answer; nothing was answered.
            StorageError: the store refuses.
        """
        return await respond(self._engine, id, answer)
