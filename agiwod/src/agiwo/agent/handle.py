"""A run of an agent while it goes on, and after: watch it, wait for it, steer it, stop it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agiwo import ids
from agiwo.agent.model_step import STEER
from agiwo.agent.observers import has_seen
from agiwo.agent.output_type import OutputType, made
from agiwo.agent.partial import Partials
from agiwo.agent.reader import TreeReader
from agiwo.engine.approvals import open_below, respond
from agiwo.engine.cursor import Cursor
from agiwo.engine.serving import ServingEngine
from agiwo.errors import NotFound
from agiwo.schema.approval import Answer, Approval, Option, run_of
from agiwo.schema.content import stored_input
from agiwo.schema.event import TERMINAL_EVENTS
from agiwo.schema.run import RunSpec
from agiwo.schema.setting import require_kind
from agiwo.schema.stream import RunOutput, StreamEvent

if TYPE_CHECKING:
    from agiwo.agent.home import Home


class RunHandle:
    """One run. Any number of readers may stream it, each from any seq; none of them can slow or end it."""

    def __init__(
        self, engine: ServingEngine, home: "Home", first: Cursor, spec: RunSpec, output: OutputType | None = None
    ) -> None:
        self._engine, self._home, self._spec, self._output = engine, home, spec, output
        self._observer = home.observers.of(first.run)
        self._first: Cursor | None = first
        self.run_id, self.session_id = first.run, spec.session

    async def stream(self, after: int | Mapping[str, int] = 0) -> AsyncGenerator[StreamEvent]:
        """Every event of the run after seq `after`, and of the runs below it, up to the terminal one.

        Runs below it that had not finished by then are told from their start, unless `after` says by run where each is
        to begin. Leaving early only stops reading.

        Raises:
            CursorExpired: the run has not had that many events.
            Conflict: the agent was closed before the run had ended.
        """
        require_kind("after", after, int, Mapping)
        begins = {self.run_id: after} if isinstance(after, int) else dict(after)
        cursor = await self._cursor(begins.get(self.run_id, 0))
        reader = TreeReader(self._engine, cursor, self._spec, begins)
        self._home.readers.add(reader)
        partials = self._partials()
        async for events in reader:
            if partials is not None:
                partials.mark(events)
            last = events.pop()
            for event in events:
                yield event
            if last.name in TERMINAL_EVENTS and last.run_id == self.run_id:
                for late in await has_seen(self._observer):
                    yield late
            yield last

    async def partials(self) -> AsyncGenerator[Any]:
        """The run's output as it grows, from the beginning; the last one is whole, if the run gives one at all.

        Each is JSON data and unchecked: `wait` gives the object. What a model says before it gives an answer that fits
        may be among them. Leaving early only stops reading.
        """
        async with aclosing(self.stream()) as events:
            async for event in events:
                if event.partial is not None:
                    yield event.partial

    def _partials(self) -> Partials | None:
        output: Mapping[str, Any] | None = self._spec.plan.get("output")
        return Partials(self.run_id, output["schema"].get("type")) if output else None

    async def _cursor(self, after: int) -> Cursor:
        if after == 0 and self._first is not None:
            first, self._first = self._first, None
            return first
        return await self._engine.events(self.run_id, after)

    async def wait(self, timeout: float | None = None) -> RunOutput:
        """How the run ended, once it has. Cancelling the wait does not cancel the run.

        Raises:
            TimeoutError: it was still going after `timeout` seconds.
            Conflict: the agent was closed before the run had ended.
            RunError: the output that was recorded is none for its type any more.
        """
        result = await self._engine.result(self.run_id, timeout)
        await has_seen(self._observer)
        ended = RunOutput.of(result)
        if self._output is None or result.output is None:
            return ended
        return replace(ended, output=made(self._output, result.output))

    async def steer(self, text: str) -> str:
        """Say something to the agent while it works; its next model call includes it. Returns the message's id.

        Raises:
            ConfigError: it is no text that can be recorded.
            Conflict: the run has ended, or has given its last answer.
        """
        require_kind("what is said to the agent", text, str)
        message = ids.fresh("msg")
        await self._engine.send(self.run_id, message, STEER, {"content": stored_input(text)})
        return message

    async def approvals(self) -> list[Approval]:
        """The calls of the run and of those below it that wait for somebody's word, oldest first."""
        return await open_below(self._engine, self.run_id)

    async def answer(
        self, approval_id: str, option: Option, *, reason: str = "", arguments: Mapping[str, Any] | None = None
    ) -> bool:
        """Say whether such a call may run; False when somebody else had answered, or the question was over.

        On a `deny` the model is told the `reason`; else `arguments` may take the place of its own.

        Raises:
            NotFound: neither the run nor one below it has asked that.
            ToolError: the tool does not take those arguments; the question stays open.
            ValueError: such an answer makes no sense.
        """
        answer = Answer(option, reason, arguments)
        if not await self._is_below(run_of(approval_id)):
            raise NotFound("approval", approval_id)
        return (await respond(self._engine, approval_id, answer)).is_ours

    async def _is_below(self, run: str | None) -> bool:
        while run and run != self.run_id:
            head = await self._engine.journal.run(run)
            run = head.parent if head else None
        return bool(run)

    async def cancel(self, reason: str = "") -> bool:
        """Stop the run and all below it; False when it had ended already. `wait` tells when it has."""
        require_kind("the reason", reason, str)
        return await self._engine.cancel(self.run_id, reason)
