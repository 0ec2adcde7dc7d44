"""How a scheduler works: its limits, and where its agents and their runs are kept. Opens nothing."""

import math
from dataclasses import dataclass, field

from agiwo.agent.storage import RunStepStorageConfig
from agiwo.errors import ConfigError
from agiwo.loop.guard import TaskLimits

__all__ = ["AgentStateStorageConfig", "SchedulerConfig", "TaskLimits"]


@dataclass(frozen=True)
class AgentStateStorageConfig(RunStepStorageConfig):
    """Where scheduled agents are kept, with all of their runs.

    `storage_type` is `memory` (until the scheduler is stopped), `sqlite` or `mongodb`. For `sqlite`, `config` has
    `db_path` (default `scheduler.db`; `~` means your home, folders are made) and `durability`: `normal` survives the
    end of the process, `full` a power cut too. For `mongodb` it has `uri` and `db_name` (default `agiwo_scheduler`).
    """

    title = "state_storage"
    default_file = "scheduler.db"
    default_db = "agiwo_scheduler"


@dataclass(frozen=True)
class SchedulerConfig:
    """How a scheduler works.

    At most `max_concurrent` agents work at the same time; those that sleep do not count. Stopping waits
    `graceful_shutdown_wait_seconds` for those that are at work. `check_interval` is taken for the sake of older
    programs and does nothing: whatever happens is acted upon at once.
    """

    state_storage: AgentStateStorageConfig = field(default_factory=AgentStateStorageConfig)
    check_interval: float = 5.0
    max_concurrent: int = 10
    graceful_shutdown_wait_seconds: float = 30
    task_limits: TaskLimits = field(default_factory=TaskLimits)

    def __post_init__(self) -> None:
        if self.max_concurrent < 1:
            raise ConfigError(f"max_concurrent is {self.max_concurrent!r}; it must be at least 1")
        if not 0 < self.check_interval < math.inf:
            raise ConfigError(f"check_interval is {self.check_interval!r}; it must be a number above 0")
        if not 0 <= self.graceful_shutdown_wait_seconds < math.inf:
            wrong = self.graceful_shutdown_wait_seconds
            raise ConfigError(f"graceful_shutdown_wait_seconds is {wrong!r}; it must be a number of at least 0")
