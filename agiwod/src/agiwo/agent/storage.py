"""Where an agent's runs and traces are kept, as its options say it. Opens nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from agiwo.errors import ConfigError

_STORES: Mapping[str, frozenset[str]] = {
    "memory": frozenset({"buffer_size"}),
    "sqlite": frozenset({"db_path", "durability", "collection_name", "buffer_size"}),
}
"""The stores there are, and the keys of the configuration that each knows."""

_DURABILITIES = ("normal", "full")


@dataclass(frozen=True)
class RunStepStorageConfig:
    """Where runs and their steps are kept.

    `storage_type` is `memory` (until the agent is closed) or `sqlite`; then `config` has `db_path` (default `agiwo.db`;
    `~` means your home, folders are made) and `durability`: `normal` survives the end of the process, `full` a power
    cut too.
    """

    storage_type: str = "memory"
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])

    title: ClassVar[str] = "run_step_storage"

    def __post_init__(self) -> None:
        _check(self.title, self.storage_type, self.config)

    @property
    def path(self) -> Path | None:
        """The file, when there is one."""
        if self.storage_type != "sqlite":
            return None
        return Path(self.config.get("db_path", "agiwo.db")).expanduser().resolve()

    @property
    def options(self) -> dict[str, Any]:
        """What `open_journal` takes for it."""
        if self.path is None:
            return {}
        return {"db_path": self.path, "durability": self.config.get("durability", "normal")}


@dataclass(frozen=True)
class TraceStorageConfig:
    """Where traces are kept: nowhere (None), in `memory`, or in `sqlite`, then with a `db_path`."""

    storage_type: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if self.storage_type is not None:
            _check("trace_storage", self.storage_type, self.config)


def _check(name: str, kind: str, config: Mapping[str, Any]) -> None:
    if kind not in _STORES:
        raise ConfigError(f"{name}: there is no store {kind!r}; there are {', '.join(_STORES)}")
    if unknown := sorted(set(config) - _STORES[kind]):
        known = ", ".join(sorted(_STORES[kind]))
        raise ConfigError(f"{name}: the store {kind!r} does not know {unknown[0]!r}; it knows {known}")
    if (durability := config.get("durability", "normal")) not in _DURABILITIES:
        raise ConfigError(f"{name}: durability is {durability!r}; it must be one of {', '.join(_DURABILITIES)}")
