"""Where an agent's runs and traces are kept, as its options say it. Opens nothing."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

from agiwo.errors import ConfigError
from agiwo.schema.setting import require_kind, require_whole

_STORES: Mapping[str, frozenset[str]] = {
    "memory": frozenset({"buffer_size"}),
    "sqlite": frozenset({"db_path", "durability", "collection_name", "buffer_size"}),
    "mongodb": frozenset({"uri", "mongo_uri", "db_name", "collection_name", "buffer_size"}),
}
"""The stores there are, and the keys of the configuration that each knows."""

_TRACE_STORES: Mapping[str, frozenset[str]] = {
    "memory": frozenset({"buffer_size"}),
    "sqlite": frozenset({"db_path", "collection_name", "buffer_size"}),
    "mongodb": frozenset({"uri", "mongo_uri", "db_name", "collection_name", "buffer_size"}),
}

_DURABILITIES = ("normal", "full")


@dataclass(frozen=True)
class RunStepStorageConfig:
    """Where runs and their steps are kept.

    `storage_type` is `memory` (until the agent is closed), `sqlite` or `mongodb`. For `sqlite`, `config` has `db_path`
    (default `agiwo.db`; `~` means your home, folders are made) and `durability`: `normal` survives the end of the
    process, `full` a power cut too. For `mongodb` it has `uri` and `db_name` (default `agiwo`); the server must be a
    replica set, of one member at least.
    """

    storage_type: str = "memory"
    config: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    title: ClassVar[str] = "run_step_storage"
    default_file: ClassVar[str] = "agiwo.db"
    default_db: ClassVar[str] = "agiwo"

    def __post_init__(self) -> None:
        _check(self.title, self.storage_type, self.config, _STORES)

    @property
    def place(self) -> Hashable | None:
        """The same for all that name one store; None when each has a store of its own."""
        if self.storage_type == "mongodb":
            return tuple(self.options.values())
        return self.options.get("db_path")

    @property
    def options(self) -> dict[str, Any]:
        """What `open_journal` takes for it."""
        if self.storage_type == "mongodb":
            return _mongo_address(self.config, self.default_db)
        if self.storage_type == "memory":
            return {}
        path = Path(self.config.get("db_path", self.default_file)).expanduser().resolve()
        return {"db_path": path, "durability": self.config.get("durability", "normal")}


@dataclass(frozen=True)
class TraceStorageConfig:
    """Where traces are kept once they are made: nowhere (None), in `memory`, in a file (`sqlite`) or in `mongodb`.

    `config` has `buffer_size`, how many are kept (in memory 200, elsewhere all of them); for a file also `db_path`
    (default `agiwo.db`) and `collection_name`, its table; for `mongodb` `mongo_uri`, `db_name` (default `agiwo`) and
    `collection_name` (default `traces`). What was said is in them only with `capture_content`.
    """

    storage_type: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    capture_content: bool = False

    def __post_init__(self) -> None:
        if self.storage_type is not None:
            _check("trace_storage", self.storage_type, self.config, _TRACE_STORES)
        require_kind("trace_storage: config", self.config, Mapping)
        require_whole("trace_storage: buffer_size", self.config.get("buffer_size"), optional=True)
        require_kind("trace_storage: capture_content", self.capture_content, bool)


def _mongo_address(config: Mapping[str, Any], default_db: str = "agiwo") -> dict[str, Any]:
    """Which server and database a configuration for MongoDB names."""
    return {"uri": config.get("uri") or config.get("mongo_uri"), "db_name": config.get("db_name", default_db)}


def _check(name: str, kind: str, config: Mapping[str, Any], stores: Mapping[str, frozenset[str]]) -> None:
    require_kind(f"{name}: storage_type", kind, str)
    require_kind(f"{name}: config", config, Mapping)
    require_kind(f"{name}: db_path", config.get("db_path", ""), str, PathLike)
    if kind not in stores:
        raise ConfigError(f"{name}: there is no store {kind!r}; there are {', '.join(stores)}")
    if unknown := sorted(set(config) - stores[kind]):
        known = ", ".join(sorted(stores[kind]))
        raise ConfigError(f"{name}: the store {kind!r} does not know {unknown[0]!r}; it knows {known}")
    if kind == "mongodb" and not _mongo_address(config)["uri"]:
        raise ConfigError(f"{name}: the store 'mongodb' needs a uri, such as \"mongodb://localhost:27017\"")
    if (durability := config.get("durability", "normal")) not in _DURABILITIES:
        raise ConfigError(f"{name}: durability is {durability!r}; it must be one of {', '.join(_DURABILITIES)}")
