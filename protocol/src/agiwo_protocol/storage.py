"""The store of runs: how much is in it, and what may go."""

from typing import Annotated

from pydantic import Field, model_validator

from agiwo_protocol.contract import Count, Empty, Method, Wire


class Measure(Wire):
    """How much is kept: runs by their status, records, sessions, scheduled agents, blobs, and all of it in bytes."""

    kind: str
    runs: dict[str, int]
    records: Count
    sessions: Count
    states: Count
    blobs: Count
    bytes: Count


class PruneParams(Wire):
    """What is kept: what was used within so many days, and so many of the newest runs. `dryRun`: only look."""

    keep_days: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    keep_runs: Count | None = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> "PruneParams":
        if self.keep_days is None and self.keep_runs is None:
            raise ValueError("it needs `keepDays` or `keepRuns`")
        return self


class PruneResult(Wire):
    """How many runs and sessions have gone, or would go, and blobs that only they named."""

    runs: Count
    sessions: Count
    blobs: Count


GET = Method("storage/get", Empty, Measure, "How much is kept.")
PRUNE = Method(
    "storage/prune",
    PruneParams,
    PruneResult,
    "Forget finished runs with their sessions. What is not over, or was used within the hour, stays with its kin.",
)
