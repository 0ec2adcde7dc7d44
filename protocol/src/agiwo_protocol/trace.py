"""Traces: what runs did, as spans with times, tokens, cost and errors. Made from the records of runs when asked for."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from agiwo_protocol.contract import Count, Limit, Method, Name, Page, Seconds, Wire

Status = Literal["running", "ok", "error", "cancelled"]


def _is_moment(value: str) -> str:
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError("it needs a time zone, such as the `Z` of UTC")
    return value


Moment = Annotated[str, Field(max_length=64), AfterValidator(_is_moment)]
"""A time as ISO 8601 writes it, with its zone."""


class Span(Wire):
    """A part of a run. `attributes` have the names of OpenTelemetry; `metrics` tell tokens, cost and times.

    A span with the status `unset` was cut by a sleep or a restart, and one that `links` to it goes on. `input`,
    `output` and `message`, the words of an error, are there when they were asked for.
    """

    span_id: str
    parent_span_id: str | None = None
    kind: Literal["agent", "llm_call", "tool_call", "retry", "approval", "sleep"]
    name: str
    start_at: str
    end_at: str | None = None
    duration_ms: float | None = None
    status: Literal["unset", "running", "ok", "error", "cancelled"]
    error_type: str | None = None
    message: str | None = None
    input: str | None = None
    output: str | None = None
    run_id: str
    depth: Count
    links: list[str]
    attributes: dict[str, Any]
    metrics: dict[str, Any]


class Trace(Wire):
    """What a run and those below it did, in sum. Tokens and cost are those of the model calls."""

    trace_id: str
    run_id: str
    agent_id: str
    session_id: str
    user_id: str | None = None
    status: Status
    start_at: str
    end_at: str | None = None
    duration_ms: float | None = None
    input_tokens: Count
    output_tokens: Count
    llm_calls: Count
    tool_calls: Count
    cost_usd: float | None = None
    cost_basis: str
    root_span_id: str
    schema_url: str


class ListParams(Page):
    """Which traces, newest first; durations in milliseconds. `startTime` and `endTime` bound when a trace began."""

    agent_id: Name | None = None
    session_id: Name | None = None
    user_id: Name | None = None
    status: Status | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    min_duration_ms: Seconds | None = None
    max_duration_ms: Seconds | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class ListResult(Wire):
    """A page of traces; `nextCursor` is there when more may follow."""

    traces: list[Trace]
    next_cursor: str | None = None


class GetParams(Wire):
    """A trace by its id, or by a run of it: then of that run and those below it. `content`: what was said, too.

    With `seq`, of that run alone as it stood at that event of it: a first look at a long trace, which costs no more
    than what there was by then.
    """

    trace_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    run_id: Name | None = None
    content: bool = False
    seq: Annotated[int, Field(ge=1)] | None = None
    after: Count = 0
    limit: Limit = 1000

    @model_validator(mode="after")
    def _names_one(self) -> "GetParams":
        if (self.trace_id is None) == (self.run_id is None):
            raise ValueError("it needs either `traceId` or `runId`")
        return self


class GetResult(Wire):
    """The trace, and its spans behind the first `after`; `total` tells how many there are.

    With `content` a page may have fewer than the `limit`, so that a message can hold it.
    """

    trace: Trace
    spans: list[Span]
    total: Count


LIST = Method("trace/list", ListParams, ListResult, "Traces, newest first.")
GET = Method("trace/get", GetParams, GetResult, "A trace with its spans, as it stands.")
