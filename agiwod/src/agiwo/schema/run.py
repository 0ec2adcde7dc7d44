"""A run: its states, what it is asked, what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class RunStatus(StrEnum):
    """Where a run stands. `waiting` is for a child or an approval, `sleeping` for a timer or a waitset.

    `STARTING` is another name for `QUEUED`.
    """

    QUEUED = "queued"
    STARTING = QUEUED
    RUNNING = "running"
    WAITING = "waiting"
    SLEEPING = "sleeping"
    SUSPENDED = "suspended"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended for good."""
        return self in TERMINAL


TERMINAL = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})


class TerminationReason(StrEnum):
    """Why a run ended. `sleeping` and `tool_limit` are names of old and never set."""

    COMPLETED = "completed"
    MAX_STEPS = "max_steps"
    TIMEOUT = "timeout"
    MAX_TOKENS = "max_tokens"
    BUDGET_EXHAUSTED = "budget_exhausted"
    ERROR = "error"
    ERROR_WITH_CONTEXT = "error_with_context"
    CANCELLED = "cancelled"
    TOOL_LIMIT = "tool_limit"
    SLEEPING = "sleeping"


CostBasis = Literal["known", "estimated", "lower_bound"]
"""How good a cost is: the provider told the tokens and their price is known; the tokens were counted here; or the
price or the tokens of some request are not known, and it cost at least that much."""

_BASES: tuple[CostBasis, ...] = ("known", "estimated", "lower_bound")
_WORDS = ("known", "estimated", "lowerBound")
"""The bases from the best to the worst, and how they stand in records."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more model calls, and what they cost.

    Cached tokens are part of the input, reasoning tokens of the output. `cache_write_tokens`, part of the input too,
    are those that the provider has put into its cache for the next call. `cost_usd` is None as long as no price is
    known, and `cost_basis` says how good it is.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float | None = None
    cost_basis: CostBasis = "lower_bound"
    cache_write_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        costs = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            sum(costs) if costs else None,
            _BASES[max(_BASES.index(self.cost_basis), _BASES.index(other.cost_basis))],
            self.cache_write_tokens + other.cache_write_tokens,
        )

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def to_json(self) -> dict[str, Any]:
        """As it stands in records: camelCase."""
        data: dict[str, Any] = {
            "inputTokens": self.input_tokens,
            "outputTokens": self.output_tokens,
            "cachedTokens": self.cached_tokens,
            "reasoningTokens": self.reasoning_tokens,
            "costBasis": _WORDS[_BASES.index(self.cost_basis)],
        }
        if self.cost_usd is not None:
            data["costUsd"] = self.cost_usd
        if self.cache_write_tokens:
            data["cacheWriteTokens"] = self.cache_write_tokens
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Usage":
        """The inverse of `to_json`; what is missing counts as zero."""
        return cls(
            data.get("inputTokens", 0),
            data.get("outputTokens", 0),
            data.get("cachedTokens", 0),
            data.get("reasoningTokens", 0),
            data.get("costUsd"),
            _BASES[_WORDS.index(data.get("costBasis", "lowerBound"))],
            data.get("cacheWriteTokens", 0),
        )


NOTHING = Usage(cost_basis="known")
"""What was used up before anything was asked."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a run is asked to do, stored with it so that any later process can go on with it.

    `agent` finds the program that runs it; `plan` is that program's own description of the agent as it was when the run
    was submitted. `input` is a string or a list of content parts (JSON). `timeout` is in seconds of active time.
    `state` names the scheduled agent that the run works for. `trace` is a W3C `traceparent`: what the run is part of.
    """

    agent: str
    session: str
    input: str | list[dict[str, Any]]
    plan: Mapping[str, Any] = field(default_factory=dict[str, Any])
    timeout: float | None = None
    parent: str | None = None
    depth: int = 0
    user_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    state: str | None = None
    trace: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in the run's internal `spec` record."""
        state = {} if self.state is None else {"state": self.state}
        return {
            "agent": self.agent,
            "session": self.session,
            "input": self.input,
            "plan": dict(self.plan),
            "timeout": self.timeout,
            "parent": self.parent,
            "depth": self.depth,
            "userId": self.user_id,
            "metadata": dict(self.metadata),
            **state,
            **({"trace": self.trace} if self.trace else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RunSpec":
        """The inverse of `to_json`."""
        return cls(
            data["agent"],
            data["session"],
            data["input"],
            data.get("plan", {}),
            data.get("timeout"),
            data.get("parent"),
            data.get("depth", 0),
            data.get("userId"),
            data.get("metadata", {}),
            data.get("state"),
            data.get("trace"),
        )


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: the terminal event, folded.

    `error` is `{kind, message, retryable}` when the status is failed; `reason` is set when it was cancelled. `counts`
    tells how many `steps` (model calls), `toolCalls` and `toolErrors` there were. `usage` is that of the runs below it,
    too, and so are the `requests` to models in `counts`, repeated ones included.
    """

    run: str
    session: str
    status: RunStatus
    response: str | None = None
    output: Any = None
    termination: TerminationReason | None = None
    usage: Usage = field(default_factory=Usage)
    error: Mapping[str, Any] | None = None
    reason: str | None = None
    duration_ms: int = 0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    ended_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in the record of a wait."""
        return {
            "run": self.run,
            "session": self.session,
            "status": str(self.status),
            "response": self.response,
            "output": self.output,
            "termination": self.termination and str(self.termination),
            "usage": self.usage.to_json(),
            "error": self.error and dict(self.error),
            "reason": self.reason,
            "durationMs": self.duration_ms,
            "counts": dict(self.counts),
            "endedAt": self.ended_at,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RunResult":
        """The inverse of `to_json`."""
        termination = data.get("termination")
        return cls(
            data["run"],
            data["session"],
            RunStatus(data["status"]),
            data.get("response"),
            data.get("output"),
            TerminationReason(termination) if termination else None,
            Usage.from_json(data.get("usage") or {}),
            data.get("error"),
            data.get("reason"),
            data.get("durationMs", 0),
            data.get("counts") or {},
            data.get("endedAt"),
        )
