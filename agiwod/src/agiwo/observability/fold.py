"""One run's spans, folded from its records: each is looked at once, and costs the same however long the run is.

The fold is pure, so it gives the same while the run goes on, afterwards, and after a crash.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from agiwo.durable import INTERRUPTED, SPEC, STEP, STEP_FAILED
from agiwo.observability import semconv
from agiwo.observability.capture import Capture
from agiwo.observability.model_calls import ModelCalls, is_model_call, metrics
from agiwo.observability.spans import Place, Spans
from agiwo.observability.tool_calls import ToolCalls
from agiwo.observability.trace import Span, SpanKind, SpanStatus
from agiwo.schema import event
from agiwo.schema.record import Record
from agiwo.schema.run import RunSpec, Usage
from agiwo.schema.trace_context import AGENT, TraceContext

_RESULTS: Final = frozenset({STEP, STEP_FAILED, INTERRUPTED})
_BESIDE: Final = ("interruption/", "mail/", "suspended/")
"""Beginnings of the keys of records that may come at any time, and so do not tell when the next thing began."""

_ENDS: Final[Mapping[str, SpanStatus]] = {
    event.RUN_COMPLETED: SpanStatus.OK,
    event.RUN_FAILED: SpanStatus.ERROR,
    event.RUN_CANCELLED: SpanStatus.CANCELLED,
}


class RunFold:
    """The spans of one run, which is a part of `above` when its own records name nothing else.

    What was said is in the spans only with `capture`.
    """

    def __init__(self, run: str, above: TraceContext | None = None, *, capture: bool = False) -> None:
        self.run, self._above, self._capture = run, above, Capture(capture)
        self.spec: RunSpec | None = None
        self.context = above or TraceContext.of_step(run, None)
        self.is_over = False
        self._asleep: str | None = None
        self._naps, self._wakes_with = 0, ""
        self._boundary = self._last_at = 0.0
        self._takes: Mapping[str, Callable[[Record], list[Span]]] = {
            event.RUN_STARTED: self._start,
            event.RUN_RESUMED: self._resume,
            event.RUN_SLEEPING: self._sleep,
            event.RUN_WOKEN: self._woken,
            event.RUN_RETRYING: self._retry,
            event.ITEM_COMPLETED: self._complete,
            event.APPROVAL_REQUESTED: self._ask,
            event.APPROVAL_RESOLVED: self._answer,
            **dict.fromkeys(_ENDS, self._end),
        }

    def take(self, record: Record) -> list[Span]:
        """Take up the next record; gives the spans that end with it."""
        if self.spec is None:
            self._begin(record)
            return []
        if self.is_over:
            return []
        ended = self._takes.get(record.type, self._take_step)(record)
        if record.type in (event.RUN_STARTED, event.RUN_RESUMED) or _is_of_the_loop(record.key):
            self._boundary = record.at
        self._last_at = record.at
        return ended

    def open(self) -> list[Span]:
        """The spans that are not over."""
        return self._spans.open() if self.spec else []

    # The run

    def _begin(self, record: Record) -> None:
        self.is_over = record.type in _ENDS  # then nothing is known of it
        if record.type != SPEC:
            return
        spec = self.spec = RunSpec.from_json(record.data["spec"])
        above = TraceContext.parse(spec.trace) or self._above
        self.context = TraceContext.of_step(self.run, above and above.header)
        place = Place(self.run, self.context.trace_id, above and above.span_id, spec.depth)
        self._spans = Spans(place)
        self._models = ModelCalls(self.run, spec, self._spans, self._capture)
        self._tools = ToolCalls(self.run, spec, self._spans, self._capture)
        name, attributes = semconv.agent_name(spec.agent), semconv.agent(self.run, spec)
        self._spans.begin(AGENT, SpanKind.AGENT, name, record.at, attributes, step=f"{self.run}.input")
        self._last_at = record.at

    def _start(self, record: Record) -> list[Span]:
        self._spans.begin_again(AGENT, record.at)
        return []

    def _end(self, record: Record) -> list[Span]:
        assert self.spec
        woken = self._woken(record)
        data, status, self.is_over = record.data, _ENDS[record.type], True
        error: Mapping[str, Any] = data.get("error") or {}
        attributes = {semconv.TERMINATION: data.get("terminationReason", "cancelled")}
        if error:
            attributes[semconv.ERROR_TYPE] = error["kind"]
        ended = self._spans.end_all(record.at, SpanStatus.CANCELLED)
        own = self._spans.end(
            AGENT,
            record.at,
            status,
            attributes=attributes,
            error_type=error.get("kind"),
            metrics=metrics(Usage.from_json(data.get("usage") or {})),
            **self._capture.run(self.spec, data.get("response")),
            **self._capture.shown(error.get("message"), self.spec.input, data.get("response")),
        )
        return [*woken, *ended, own]

    # Sleeping, and being gone

    def _resume(self, record: Record) -> list[Span]:
        """The process was gone: what was under way ended with the last thing that it recorded. A sleep goes on."""
        if self._asleep:
            return []
        self._models.forget()
        ended = self._spans.cut(self._last_at, "restart")
        self._spans.go_on(record.at)
        return ended

    def _sleep(self, record: Record) -> list[Span]:
        assert self.spec
        if self._asleep:
            return []
        ended = self._spans.cut(record.at, "sleep")
        self._naps += 1
        self._asleep, self._wakes_with = f"sleep{self._naps}", ""
        self._spans.begin(self._asleep, SpanKind.SLEEP, "sleep", record.at, semconv.sleep(self.spec))
        return ended

    def _woken(self, record: Record) -> list[Span]:
        if not self._asleep:
            return []  # the end of its wait has told so before
        slept = self._spans.end(self._asleep, record.at, SpanStatus.OK)
        self._asleep = None
        self._spans.go_on(record.at)
        return [slept]

    # Its steps

    def _retry(self, record: Record) -> list[Span]:
        self._models.retry(record, self._boundary)
        return []

    def _take_step(self, record: Record) -> list[Span]:
        key = record.key or ""
        if record.type in _RESULTS and is_model_call(key):
            return self._answered(record, key)
        if self._asleep and key.endswith("@") and record.data.get("status") == "sleeping":
            self._wakes_with = key.removesuffix("@")  # a part of the sleep: the call goes on when it is over
            return []
        woken = self._woken(record) if key == self._wakes_with else []
        self._tools.take(record)
        return woken

    def _answered(self, record: Record, key: str) -> list[Span]:
        ended = self._models.end(record, key, self._boundary)
        if record.type == STEP:
            self._tools.expect(key, record.data["value"])
        return ended

    def _complete(self, record: Record) -> list[Span]:
        if record.data["kind"] == "userMessage":
            self._capture.user(record.data["content"])
        return self._tools.complete(record) if record.data["kind"] == "toolCall" else []

    def _ask(self, record: Record) -> list[Span]:
        self._tools.ask(record)
        return []

    def _answer(self, record: Record) -> list[Span]:
        return self._tools.answer(record)


def _is_of_the_loop(key: str | None) -> bool:
    return key is not None and not key.endswith("@") and not key.startswith(_BESIDE)
