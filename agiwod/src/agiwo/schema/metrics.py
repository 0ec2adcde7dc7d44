"""What a step and a run cost in time and tokens. Measures nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """Of one step. Times are seconds since the epoch; tokens are those of a model's answer."""

    start_at: float | None = None
    end_at: float | None = None
    duration_ms: float | None = None
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    model_name: str | None = None
    provider: str | None = None
    first_token_latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """Of a whole run. `response_latency` is the time to the end of the last answer, in milliseconds.

    `first_token_latency` is None: each step of a model has its own.

    `steps_count` counts model calls. Tokens and cost are those of the agents below, too.
    """

    start_at: float | None = None
    end_at: float | None = None
    duration_ms: float = 0.0
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    steps_count: int = 0
    tool_calls_count: int = 0
    tool_errors_count: int = 0
    cost_usd: float | None = None
    cost_basis: str = "lower_bound"
    first_token_latency: float | None = None
    response_latency: float | None = None
