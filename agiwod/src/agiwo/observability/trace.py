"""A trace: what a run and all below it did, as spans. Plain data: measures nothing and keeps nothing.

Times are seconds since the epoch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SpanKind(StrEnum):
    """What a span is about. `retry` is a pause before a model is asked again, `approval` a wait for somebody's word."""

    AGENT = "agent"
    LLM_CALL = "llm_call"
    TOOL_CALL = "tool_call"
    RETRY = "retry"
    APPROVAL = "approval"
    SLEEP = "sleep"


class SpanStatus(StrEnum):
    """How it ended. `unset`: it was cut by a sleep or a restart, and another span goes on with it."""

    UNSET = "unset"
    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a run, from its start to its end; None is the end of what is not over.

    `links` are the spans that it goes on with. `depth` is that of its agent. `attributes` have the names of
    OpenTelemetry, `metrics` those of old: `tokens.input`, `tokens.output`, `tokens.total`, `tokens.cache_read`,
    `tokens.cache_creation`, `first_token_ms`, `duration_ms`, `model`, `provider`, `cost_usd`, `cost_basis`.

    `error_message`, the previews and what was said in the details are there only when content was captured.
    """

    span_id: str
    trace_id: str
    kind: SpanKind
    name: str
    start_time: float
    end_time: float | None = None
    parent_span_id: str | None = None
    status: SpanStatus = SpanStatus.RUNNING
    error_type: str | None = None
    error_message: str | None = None
    depth: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    input_preview: str | None = None
    output_preview: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any])
    llm_details: Mapping[str, Any] | None = None
    tool_details: Mapping[str, Any] | None = None
    run_id: str = ""
    step_id: str | None = None
    links: Sequence[str] = ()

    @property
    def duration_ms(self) -> float | None:
        """How long it took; None while it is not over."""
        return None if self.end_time is None else 1000 * (self.end_time - self.start_time)


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of a run and of those below it, in the order of their starts, and what they add up to.

    `schema_url` names the conventions that the attributes follow. Tokens and cost are those of the model calls.
    """

    trace_id: str
    run_id: str
    agent_id: str
    session_id: str
    root_span_id: str
    start_time: float
    end_time: float | None = None
    status: SpanStatus = SpanStatus.RUNNING
    user_id: str | None = None
    spans: Sequence[Span] = ()
    total_input_tokens: int = 0
    total_output_tokens: int = 0
    total_cache_read_tokens: int = 0
    total_cache_creation_tokens: int = 0
    total_llm_calls: int = 0
    total_tool_calls: int = 0
    max_depth: int = 0
    cost_usd: float | None = None
    cost_basis: str = "known"
    input_query: str | None = None
    final_output: str | None = None
    schema_url: str = ""

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.total_input_tokens + self.total_output_tokens

    @property
    def duration_ms(self) -> float | None:
        """From the start to the end of the run, its sleep included; None while it is not over."""
        return None if self.end_time is None else 1000 * (self.end_time - self.start_time)


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """Which traces are wanted, newest first. What is None does not matter.

    `start_time` and `end_time` bound when a trace began. A trace that is not over has no duration, so it fits no bound
    of one.
    """

    agent_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    status: str | None = None
    start_time: float | None = None
    end_time: float | None = None
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None
    limit: int = 50
    offset: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 500:
            raise ValueError(f"limit is {self.limit!r}; it must be between 1 and 500")
        if self.offset < 0:
            raise ValueError(f"offset is {self.offset!r}; it must not be negative")

    @classmethod
    def of(cls, query: "TraceQuery | Mapping[str, Any]") -> "TraceQuery":
        """The query, also when it is given as a mapping.

        Raises:
            TypeError, ValueError: the mapping has a name or a value that no query has.
        """
        return query if isinstance(query, TraceQuery) else cls(**query)

    def fits(self, trace: Trace) -> bool:
        """Whether a trace is one of those that are wanted."""
        return (
            self.agent_id in (None, trace.agent_id)
            and self.session_id in (None, trace.session_id)
            and self.user_id in (None, trace.user_id)
            and self.status in (None, trace.status)
            and (self.start_time is None or self.start_time <= trace.start_time)
            and (self.end_time is None or trace.start_time <= self.end_time)
            and self._fits_in_length(trace.duration_ms)
        )

    def _fits_in_length(self, duration: float | None) -> bool:
        if self.min_duration_ms is None and self.max_duration_ms is None:
            return True
        shortest, longest = self.min_duration_ms, self.max_duration_ms
        return duration is not None and (shortest or 0) <= duration and (longest is None or duration <= longest)
