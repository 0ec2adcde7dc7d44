"""What an agent remembers of earlier times, as `on_memory_retrieve` gives it. Knows no store of memories."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """One memory. `relevance_score` is between 0 and 1; one below 0.5, or None, is not told."""

    content: str
    relevance_score: float | None = None
    source: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
