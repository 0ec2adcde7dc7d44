"""How a scheduler works: its limits, and where its agents and their runs are kept. Opens nothing."""

from dataclasses import dataclass, field

from agiwo.agent.storage import RunStepStorageConfig
from agiwo.loop.guard import TaskLimits
from agiwo.schema.setting import require_above, require_between, require_kind, require_whole

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
        require_kind("state_storage", self.state_storage, AgentStateStorageConfig)
        require_above("check_interval", self.check_interval)
        require_whole("max_concurrent", self.max_concurrent)
        require_between("graceful_shutdown_wait_seconds", self.graceful_shutdown_wait_seconds, 0)
        require_kind("task_limits", self.task_limits, TaskLimits)
