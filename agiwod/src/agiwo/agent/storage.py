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

_TRACE_STORES: Mapping[str, frozenset[str]] = {
    "memory": frozenset({"buffer_size"}),
    "sqlite": frozenset({"db_path", "collection_name", "buffer_size"}),
}

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
    default_file: ClassVar[str] = "agiwo.db"

    def __post_init__(self) -> None:
        _check(self.title, self.storage_type, self.config, _STORES)

    @property
    def path(self) -> Path | None:
        """The file, when there is one."""
        if self.storage_type != "sqlite":
            return None
        return Path(self.config.get("db_path", self.default_file)).expanduser().resolve()

    @property
    def options(self) -> dict[str, Any]:
        """What `open_journal` takes for it."""
        if self.path is None:
            return {}
        return {"db_path": self.path, "durability": self.config.get("durability", "normal")}


@dataclass(frozen=True)
class TraceStorageConfig:
    """Where traces are kept once they are made: nowhere (None), in `memory`, or in a file (`sqlite`).

    `config` has `buffer_size`, how many are kept (in memory 200, in a file all of them); for a file also `db_path`
    (default `agiwo.db`) and `collection_name`, its table. What was said is in them only with `capture_content`.
    """

    storage_type: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    capture_content: bool = False

    def __post_init__(self) -> None:
        if self.storage_type is not None:
            _check("trace_storage", self.storage_type, self.config, _TRACE_STORES)
        size = self.config.get("buffer_size")
        if size is not None and (not isinstance(size, int) or size < 1):
            raise ConfigError(f"trace_storage: buffer_size is {size!r}; it must be at least 1")


def _check(name: str, kind: str, config: Mapping[str, Any], stores: Mapping[str, frozenset[str]]) -> None:
    if kind not in stores:
        raise ConfigError(f"{name}: there is no store {kind!r}; there are {', '.join(stores)}")
    if unknown := sorted(set(config) - stores[kind]):
        known = ", ".join(sorted(stores[kind]))
        raise ConfigError(f"{name}: the store {kind!r} does not know {unknown[0]!r}; it knows {known}")
    if (durability := config.get("durability", "normal")) not in _DURABILITIES:
        raise ConfigError(f"{name}: durability is {durability!r}; it must be one of {', '.join(_DURABILITIES)}")
