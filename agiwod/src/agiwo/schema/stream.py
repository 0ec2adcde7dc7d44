"""What `run_stream` yields and `run` returns: the run's events and its end, as users of the SDK see them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from agiwo.errors import AgiwoError
from agiwo.schema.llm_call import LLMCallContext
from agiwo.schema.metrics import RunMetrics
from agiwo.schema.run import RunResult, RunStatus, TerminationReason, Usage
from agiwo.schema.step import StepRecord


class EventType(StrEnum):
    """What a `StreamEvent` tells. `run_event` is for every event of the log that has no name here.

    `error` tells of a hook that went wrong, which changes nothing for the run.
    """

    RUN_STARTED = "run_started"
    STEP_DELTA = "step_delta"
    STEP_COMPLETED = "step_completed"
    RUN_COMPLETED = "run_completed"
    RUN_FAILED = "run_failed"
    RUN_CANCELLED = "run_cancelled"
    RUN_EVENT = "run_event"
    ERROR = "error"
    TOOL_AUTH_REQUIRED = "tool_auth_required"
    TOOL_AUTH_DENIED = "tool_auth_denied"


@dataclass(slots=True)
class StepDelta:
    """A piece of what a model is saying. `tool_calls` holds fragments of arguments."""

    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    usage: Mapping[str, Any] | None = None


@dataclass(slots=True)
class StreamEvent:
    """One event of a run, not to be changed.

    Durable ones have `seq`; `timestamp` is in seconds since the epoch, `data` the event's own. `step` is what a
    completed step said: each answer of a model is one, also when it only calls tools, and then the event has no seq.
    Its `sequence` counts the steps of the session. `partial` is what of the output is there so
    far, when the run is to have one and this event brings more of it. `span_id` names the span of the model or tool
    call that it comes from, else the run's.
    """

    type: EventType
    run_id: str
    session_id: str
    agent_id: str
    timestamp: float
    name: str
    seq: int | None = None
    step_id: str | None = None
    delta: StepDelta | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    parent_run_id: str | None = None
    depth: int = 0
    step: StepRecord | None = None
    _llm: Callable[[], LLMCallContext] | None = field(default=None, repr=False, compare=False)
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    partial: Any = None

    @property
    def llm(self) -> LLMCallContext | None:
        """The model call that said what a completed step says, for who reads while this process is at work on the run.

        It is made from the run's records whenever somebody looks, and is not part of `to_sse`.
        """
        return self._llm and self._llm()

    def to_sse(self) -> str:
        """The event as one server-sent event: its JSON, and its seq as the id when it has one."""
        id = "" if self.seq is None else f"id: {self.seq}\n"
        return f"{id}event: {self.type}\ndata: {orjson.dumps(self).decode()}\n\n"


class RunError(AgiwoError):
    """A run that failed, raised by `RunOutput.raise_for_error`. `kind` says why."""

    def __init__(self, kind: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.kind, self.retryable = kind, retryable


@dataclass(frozen=True, slots=True)
class RunOutput:
    """How a run ended. `error` is `{kind, message, retryable}` when the model failed.

    `output` is what `output_type` asked for: an object of the type, or JSON data when a schema was given. Where None is
    such an object, the reason tells whether it is the answer: a run that `completed` has given one.
    """

    session_id: str
    run_id: str
    response: str | None = None
    output: Any = None
    termination_reason: TerminationReason | None = None
    usage: Usage = field(default_factory=Usage)
    error: Mapping[str, Any] | None = None
    duration: float = 0.0
    metrics: RunMetrics = field(default_factory=RunMetrics)

    def raise_for_error(self) -> "RunOutput":
        """This output, unless the run failed.

        Raises:
            RunError: it failed.
        """
        if self.error is not None:
            raise RunError(self.error["kind"], self.error["message"], retryable=self.error.get("retryable", False))
        return self

    @classmethod
    def of(cls, result: RunResult) -> "RunOutput":
        """The output of a run that has ended."""
        reason = TerminationReason.CANCELLED if result.status == RunStatus.CANCELLED else result.termination
        seconds = result.duration_ms / 1000
        return cls(
            result.session,
            result.run,
            result.response,
            result.output,
            reason,
            result.usage,
            result.error,
            seconds,
            _metrics(result),
        )


def _metrics(result: RunResult) -> RunMetrics:
    usage, counts, end = result.usage, result.counts, result.ended_at
    return RunMetrics(
        start_at=None if end is None else end - result.duration_ms / 1000,
        end_at=end,
        duration_ms=result.duration_ms,
        total_tokens=usage.total_tokens,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_creation_tokens=usage.cache_write_tokens,
        steps_count=counts.get("steps", 0),
        tool_calls_count=counts.get("toolCalls", 0),
        tool_errors_count=counts.get("toolErrors", 0),
        cost_usd=usage.cost_usd,
        cost_basis=usage.cost_basis,
        response_latency=None if result.response is None else result.duration_ms,
    )
