"""The events of a run as users of the SDK see them. Reads no log."""

from collections.abc import Callable, Mapping
from typing import Any

from agiwo.agent.steps import answer_step, item_step
from agiwo.durable import RunView
from agiwo.schema.content import read_input
from agiwo.schema.event import (
    APPROVAL_REQUESTED,
    APPROVAL_RESOLVED,
    ITEM_COMPLETED,
    ITEM_DELTA,
    LOG,
    RUN_CANCELLED,
    RUN_COMPLETED,
    RUN_FAILED,
    RUN_STARTED,
    Event,
)
from agiwo.schema.llm_call import LLMCallContext
from agiwo.schema.record import Record
from agiwo.schema.run import Usage
from agiwo.schema.step import StepRecord
from agiwo.schema.stream import EventType, StepDelta, StreamEvent
from agiwo.schema.trace_context import TraceContext, key_of_item

MadeAgain = Callable[[], LLMCallContext]
"""Makes a model call again, as it was asked."""

_TYPES = {
    RUN_STARTED: EventType.RUN_STARTED,
    RUN_COMPLETED: EventType.RUN_COMPLETED,
    RUN_FAILED: EventType.RUN_FAILED,
    RUN_CANCELLED: EventType.RUN_CANCELLED,
    APPROVAL_REQUESTED: EventType.TOOL_AUTH_REQUIRED,
}


class Telling:
    """The events of one run, each told once; keeps only where in the trace its items stand, and counts its steps.

    `count` is the number of the session's steps so far; None until somebody has set it.
    """

    def __init__(self, run: RunView) -> None:
        self._run = run
        self.count: int | None = None
        self._spans: dict[str | None, TraceContext] = {}

    def event(self, event: Event, answer: Record | None = None, llm: MadeAgain | None = None) -> StreamEvent:
        """An event that is no delta; the last one of a model's answer with the whole of it, and what makes its call."""
        spec, span = self._run.spec, self._span(event.item)
        number = (self.count or 0) + 1
        step = answer_step(self._run, answer, number) if answer else _step(self._run, event, number)
        if step:
            self.count = number
        return StreamEvent(
            EventType.STEP_COMPLETED if step else _type(event),
            event.run,
            spec.session,
            spec.agent,
            event.at,
            event.type,
            event.seq,
            event.item,
            None,
            _data(self._run, event),
            spec.parent,
            spec.depth,
            step,
            llm,
            span.trace_id,
            span.span_id,
            self._above(span),
        )

    def answer(self, answer: Record, llm: MadeAgain | None = None) -> StreamEvent:
        """A model's answer that is nothing but calls, of which the log tells only when they have ended."""
        data, step = {"kind": "agentMessage", "text": ""}, answer_step(self._run, answer)
        return self.event(Event(self._run.id, ITEM_COMPLETED, data, step.created_at, item=step.id), answer, llm)

    def delta(self, event: Event) -> StreamEvent:
        """A piece of an item."""
        # Most events of a stream are deltas, so they take the shortest way.
        spec, data = self._run.spec, event.data
        span = self._spans.get(event.item) or self._span(event.item)
        if data["kind"] == "text":
            delta = StepDelta(data["text"])
        elif data["kind"] == "reasoning":
            delta = StepDelta(None, data["text"])
        elif data["kind"] == "toolArguments":
            delta = StepDelta(tool_calls=[{"item": event.item, "function": {"arguments": data["text"]}}])
        else:
            delta = StepDelta()
        return StreamEvent(
            EventType.STEP_DELTA,
            event.run,
            spec.session,
            spec.agent,
            event.at,
            ITEM_DELTA,
            None,
            event.item,
            delta,
            data,
            spec.parent,
            spec.depth,
            None,
            None,
            span.trace_id,
            span.span_id,
        )

    def _span(self, item: str | None) -> TraceContext:
        """The span that an item comes from, or of what is no item's."""
        if item not in self._spans:
            step = key_of_item(self._run.id, item)
            self._spans[item] = TraceContext.of_step(self._run.id, self._run.spec.trace, step)
        return self._spans[item]

    def _above(self, span: TraceContext) -> str | None:
        """The span above: the run's for all but itself, and for that what the run is a part of."""
        own = self._span(None)
        above = TraceContext.parse(self._run.spec.trace) if span == own else own
        return above and above.span_id


def _step(run: RunView, event: Event, number: int) -> StepRecord | None:
    """What a user or a tool said, or a model before it was cut off; thoughts are part of an answer."""
    if event.type != ITEM_COMPLETED or event.data["kind"] == "reasoning":
        return None
    return item_step(run, event.item or "", event.data, event.at, number)


def _type(event: Event) -> EventType:
    if event.type == LOG and "hook" in event.data:
        return EventType.ERROR
    if event.type == APPROVAL_RESOLVED and event.data["outcome"] in ("deny", "expired"):
        return EventType.TOOL_AUTH_DENIED
    return _TYPES.get(event.type, EventType.RUN_EVENT)


def _data(run: RunView, event: Event) -> Mapping[str, Any]:
    """The event's own data, and beside it what users of the SDK know under names of its own."""
    if event.type == RUN_STARTED:
        query = {"query": read_input(run.spec.input)} if run.spec.plan else {}  # of a run below, only its id is known
        return {**event.data, "session_id": run.spec.session, **query}
    if event.type == RUN_COMPLETED:
        reason = event.data["terminationReason"]
        return {**event.data, "termination_reason": reason, "metrics": _metrics(event.data)}
    return event.data


def _metrics(data: Mapping[str, Any]) -> dict[str, Any]:
    usage = Usage.from_json(data["usage"])
    return {
        "duration": data["durationMs"] / 1000,
        "total_tokens": usage.total_tokens,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "tool_calls_count": data.get("counts", {}).get("toolCalls", 0),
    }
