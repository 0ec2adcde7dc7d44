"""A run of an agent while it goes on, and after: watch it, wait for it, steer it, stop it."""

from collections.abc import AsyncGenerator

from agiwo import ids
from agiwo.agent.model_step import STEER
from agiwo.engine.cursor import Cursor
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.schema.event import (
    ITEM_COMPLETED,
    ITEM_DELTA,
    RUN_CANCELLED,
    RUN_COMPLETED,
    RUN_FAILED,
    RUN_STARTED,
    Event,
)
from agiwo.schema.run import RunSpec
from agiwo.schema.stream import EventType, RunOutput, StepDelta, StreamEvent

_TYPES = {
    ITEM_DELTA: EventType.STEP_DELTA,
    ITEM_COMPLETED: EventType.STEP_COMPLETED,
    RUN_STARTED: EventType.RUN_STARTED,
    RUN_COMPLETED: EventType.RUN_COMPLETED,
    RUN_FAILED: EventType.RUN_FAILED,
    RUN_CANCELLED: EventType.RUN_CANCELLED,
}


class RunHandle:
    """One run. Any number of readers may stream it, each from any seq; none of them can slow or end it."""

    def __init__(self, engine: EmbeddedEngine, first: Cursor, spec: RunSpec) -> None:
        self._engine, self._spec = engine, spec
        self._first: Cursor | None = first
        self.run_id, self.session_id = first.run, spec.session

    async def stream(self, after: int = 0) -> AsyncGenerator[StreamEvent]:
        """Every event after seq `after`, up to the terminal one. Leaving early only stops reading.

        Raises:
            CursorExpired: the run has not had that many events.
        """
        first, self._first = (self._first, None) if after == 0 else (None, self._first)
        cursor = first or await self._engine.events(self.run_id, after)
        while not cursor.finished:
            await cursor.wait()
            for event in await cursor.pull(merge=False):
                yield self._event(event)

    def _event(self, event: Event) -> StreamEvent:
        spec = self._spec
        return StreamEvent(
            _TYPES.get(event.type, EventType.RUN_EVENT),
            event.run,
            spec.session,
            spec.agent,
            event.at,
            event.type,
            event.seq,
            event.item,
            _delta(event) if event.type == ITEM_DELTA else None,
            event.data,
            spec.parent,
            spec.depth,
        )

    async def wait(self, timeout: float | None = None) -> RunOutput:
        """How the run ended, once it has. Cancelling the wait does not cancel the run.

        Raises:
            TimeoutError: it was still going after `timeout` seconds.
        """
        return RunOutput.of(await self._engine.result(self.run_id, timeout))

    async def steer(self, text: str) -> str:
        """Say something to the agent while it works; its next model call includes it. Returns the message's id.

        Raises:
            Conflict: the run has ended, or has given its last answer.
        """
        message = ids.fresh("msg")
        await self._engine.send(self.run_id, message, STEER, {"content": text})
        return message

    async def cancel(self, reason: str = "") -> bool:
        """Stop the run and all below it; False when it had ended already. `wait` tells when it has."""
        return await self._engine.cancel(self.run_id, reason)


def _delta(event: Event) -> StepDelta:
    data = event.data
    if data["kind"] == "text":
        return StepDelta(content=data["text"])
    if data["kind"] == "reasoning":
        return StepDelta(reasoning_content=data["text"])
    if data["kind"] == "toolArguments":
        return StepDelta(tool_calls=[{"item": event.item, "function": {"arguments": data["text"]}}])
    return StepDelta()
