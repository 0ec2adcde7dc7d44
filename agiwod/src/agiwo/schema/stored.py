"""A run as a store of runs lists it. Knows no store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agiwo.schema.metrics import RunMetrics
from agiwo.schema.run import RunStatus


@dataclass(frozen=True, slots=True)
class Run:
    """A run: what was asked, how it stands, and what came out. Times are seconds since the epoch."""

    agent_id: str
    session_id: str
    user_input: str | Sequence[Mapping[str, Any]]
    id: str = ""
    user_id: str | None = None
    status: RunStatus = RunStatus.QUEUED
    response_content: str | None = None
    metrics: RunMetrics = field(default_factory=RunMetrics)
    created_at: float = 0.0
    updated_at: float = 0.0
    parent_run_id: str | None = None
    trace_id: str | None = None
