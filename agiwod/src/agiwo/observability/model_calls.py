"""The spans of a run's model calls, and of the pauses before a model was asked again. Knows no other record."""

import re
from collections.abc import Mapping
from typing import Any

from agiwo.durable import STEP
from agiwo.observability import semconv
from agiwo.observability.capture import Capture
from agiwo.observability.fault import Fault
from agiwo.observability.spans import Spans
from agiwo.observability.trace import Span, SpanKind, SpanStatus
from agiwo.schema.record import Record
from agiwo.schema.run import RunSpec, Usage

_MODEL = re.compile(r"(?:\d+|summary)/llm|\d+/compact")


def is_model_call(key: str | None) -> bool:
    """Whether the step with that key asks a model."""
    return key is not None and _MODEL.fullmatch(key) is not None


class ModelCalls:
    """Makes them when they are over: before, nothing is recorded of a call but that it was repeated."""

    def __init__(self, run: str, spec: RunSpec, spans: Spans, capture: Capture) -> None:
        self._run, self._spec, self._spans, self._capture = run, spec, spans, capture
        self._retries: list[Record] = []
        self._asked_at = 0.0

    def forget(self) -> None:
        """The call that is under way is lost with its process."""
        self._retries = []

    def retry(self, record: Record, asked_at: float) -> None:
        """The model is asked again; the call began at `asked_at`."""
        if not self._retries:
            self._asked_at = asked_at
        self._retries.append(record)

    def end(self, record: Record, key: str, asked_at: float) -> list[Span]:
        """The spans of a call that is over; it began at `asked_at` if nothing better is known."""
        fault = None if record.type == STEP else Fault(record)
        answer: Mapping[str, Any] = fault.detail if fault else record.data["value"]
        status = fault.status if fault else SpanStatus.OK
        error = fault.kind if fault and status == SpanStatus.ERROR else None
        # Clocks jump: a call lies between what was recorded before it and its own record.
        told = min(max(asked_at, answer.get("startedAt", asked_at)), record.at)
        self._begin(key, self._asked_at if self._retries else told, answer)
        paused = [self._paused(key, number, each) for number, each in enumerate(self._retries, 1)]
        self._retries = []
        own = self._spans.end(
            key,
            record.at,
            status,
            error_type=error,
            attributes={semconv.ERROR_TYPE: error} if error else {},
            metrics=metrics(Usage.from_json(answer["usage"]), answer) if "usage" in answer else {},
            **self._capture.model(answer),
            **self._capture.shown(fault and fault.message, None, answer.get("text") or answer.get("summary")),
        )
        return [*paused, own]

    def _begin(self, key: str, start: float, answer: Mapping[str, Any]) -> None:
        attributes = semconv.chat(self._spec, key, answer)
        name = semconv.chat_name(attributes.get(semconv.MODEL, ""))
        step = f"{self._run}.{key.partition('/')[0]}.message"
        self._spans.begin(key, SpanKind.LLM_CALL, name, start, attributes, step=step)

    def _paused(self, key: str, number: int, record: Record) -> Span:
        attributes, data = semconv.retry(self._spec, record.data), record.data
        pause = f"{key}/retry{number}"
        self._spans.begin(pause, SpanKind.RETRY, "retry", record.at, attributes, above=key)
        until, error = record.at + data.get("delay", 0), attributes[semconv.ERROR_TYPE]
        shown = self._capture.shown(data.get("reason"))
        return self._spans.end(pause, until, SpanStatus.OK, error_type=error, **shown)


def metrics(usage: Usage, answer: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What tokens there were and what they cost; of a model's answer, also how soon it began and who gave it."""
    told, found = (
        answer or {},
        {
            "tokens.input": usage.input_tokens,
            "tokens.output": usage.output_tokens,
            "tokens.total": usage.total_tokens,
            "tokens.cache_read": usage.cached_tokens,
            "tokens.cache_creation": usage.cache_write_tokens,
            "cost_usd": usage.cost_usd,
            "cost_basis": usage.cost_basis,
        },
    )
    started, first = told.get("startedAt"), told.get("firstAt")
    if started is not None and first is not None:
        found["first_token_ms"] = 1000 * max(0.0, first - started)
    return found | {name: told[name] for name in ("model", "provider") if name in told}
