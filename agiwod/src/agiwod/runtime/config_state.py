"""How a daemon stands to its settings, for those who ask. Reads none."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConfigState:
    """When the settings that hold were read, why newer ones were refused, and which of them wait for a restart."""

    read_at: float
    error: str | None = None
    after_restart: tuple[str, ...] = ()
