"""The spans of a run's tool calls, and of the waits for somebody's word about them. Knows no other record."""

import re
from collections.abc import Mapping
from typing import Any, Final

from agiwo.durable import INTERRUPTED, STEP_FAILED
from agiwo.observability import semconv
from agiwo.observability.capture import Capture, cut
from agiwo.observability.fault import Fault
from agiwo.observability.spans import Spans
from agiwo.observability.trace import Span, SpanKind, SpanStatus
from agiwo.schema.record import Record
from agiwo.schema.run import RunSpec
from agiwo.schema.skill import SKILL_TOOL
from agiwo.schema.trace_context import key_of_item

_STEP = re.compile(r"(\w+\.\d+)/(?!before)\w+@?")
"""A record of one call; what a hook decides comes for all calls of an answer before the first of them begins."""

_UNANSWERED: Final[Mapping[str, SpanStatus]] = {"cancelled": SpanStatus.CANCELLED, "expired": SpanStatus.ERROR}
_REFUSALS: Final = {"deny": "approval_denied", "expired": "approval_expired"}


class ToolCalls:
    """A call begins with the first thing that is recorded of it, else when its duration says."""

    def __init__(self, run: str, spec: RunSpec, spans: Spans, capture: Capture) -> None:
        self._run, self._spec, self._spans, self._capture = run, spec, spans, capture
        self._tools: dict[str, Mapping[str, Any]] = {tool["name"]: tool for tool in spec.plan.get("tools", ())}
        self._asked: dict[str, Mapping[str, Any]] = {}
        self._faults: dict[str, Fault] = {}
        self._refusals: dict[str, str] = {}

    def expect(self, key: str, answer: Mapping[str, Any]) -> None:
        """The model has asked for these calls, in the step with that key."""
        turn = key.partition("/")[0]
        self._asked = {f"{turn}.{place}": call for place, call in enumerate(answer.get("toolCalls") or ())}

    def take(self, record: Record) -> None:
        """Something of a call is recorded, which is not its end."""
        found = _STEP.fullmatch(record.key or "")
        if not found:
            return
        if record.type in (STEP_FAILED, INTERRUPTED):
            self._faults.setdefault(found[1], Fault(record))
        elif found[1] in self._asked:
            self._begin(found[1], record.at)

    def complete(self, record: Record) -> list[Span]:
        """The span of a call that has given something."""
        key, data = key_of_item(self._run, record.item), record.data
        self._asked.setdefault(key, {"id": data["callId"], "name": data["name"]})
        self._begin(key, record.at - data["durationMs"] / 1000)
        fault, output = self._faults.pop(key, None), data["output"]
        status = fault.status if fault else SpanStatus.ERROR if output["isError"] else SpanStatus.OK
        refusal, error = self._refusals.pop(key, "tool_error"), None
        if status == SpanStatus.ERROR:
            error = fault.kind if fault else refusal
        self._asked.pop(key)
        self._capture.tool(data["callId"], output["content"])
        own = self._spans.end(
            key,
            fault.at if fault else record.at,
            status,
            error_type=error,
            attributes=self._skill(data) | ({semconv.ERROR_TYPE: error} if error else {}),
            metrics={"duration_ms": data["durationMs"]},
            tool_details=self._details(data),
            **self._capture.shown(error and output["content"], data["arguments"], output["content"]),
        )
        return [own]

    def _skill(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return semconv.skill(self._spec, data["arguments"]) if data["name"] == SKILL_TOOL else {}

    def _details(self, data: Mapping[str, Any]) -> dict[str, Any]:
        details = {"name": data["name"], "id": data["callId"]}
        said = {"args": data["arguments"], "output": cut(data["output"]["content"])}
        return details | said if self._capture.is_on else details

    def _begin(self, key: str, at: float) -> None:
        if self._spans.is_open(key):
            return
        call = self._asked[key]
        told = self._tools.get(call["name"], {})
        name = told.get("source") or call["name"]  # what people call it, where models have another name for it
        attributes = semconv.tool(self._spec, key, name, call["id"], told)
        step = f"{self._run}.{key}"
        self._spans.begin(key, SpanKind.TOOL_CALL, semconv.tool_name(name), at, attributes, step=step)

    # Asking somebody

    def ask(self, record: Record) -> None:
        """Somebody is asked about a call."""
        call, name = key_of_item(self._run, record.item), record.data["subject"]["name"]
        if call in self._asked:
            self._begin(call, record.at)
        attributes = semconv.approval(self._spec, name)
        self._spans.begin(f"{call}/approval", SpanKind.APPROVAL, f"approval {name}", record.at, attributes, above=call)

    def answer(self, record: Record) -> list[Span]:
        """The span of the wait that this answers."""
        call, outcome = key_of_item(self._run, record.item), record.data["outcome"]
        if outcome in _REFUSALS:
            self._refusals[call] = _REFUSALS[outcome]
        if not self._spans.is_open(f"{call}/approval"):  # it was cut off by a sleep
            self._spans.forget(f"{call}/approval")
            return []
        status, attributes = _UNANSWERED.get(outcome, SpanStatus.OK), semconv.outcome(record.data)
        return [self._spans.end(f"{call}/approval", record.at, status, attributes=attributes)]
