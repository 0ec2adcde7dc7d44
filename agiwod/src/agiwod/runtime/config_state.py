"""How a daemon stands to its settings, for those who ask. Reads none."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ConfigState:
    """When the settings that hold were read, why newer ones were refused, and which of them wait for a restart."""

    read_at: float
    error: str | None = None
    after_restart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """A value by its dotted name, who said so, and where, if that is known. No secret is in it."""

    key: str
    value: Any
    source: str
    where: str | None = None
