"""Agents that start others, sleep until these have ended, and go on; and roots that take one task after the other."""

from agiwo.loop.guard import TaskGuard
from agiwo.scheduler.config import AgentStateStorageConfig, SchedulerConfig, TaskLimits
from agiwo.scheduler.portrait import AgentTree
from agiwo.scheduler.scheduler import Scheduler
from agiwo.scheduler.store import AgentStateStorage
from agiwo.scheduler.supervisor import Supervisor
from agiwo.schema.state import AgentState, AgentStateStatus, TimeUnit, WaitMode, WakeCondition, WakeType

__all__ = [
    "AgentState",
    "AgentStateStatus",
    "AgentStateStorage",
    "AgentStateStorageConfig",
    "AgentTree",
    "Scheduler",
    "SchedulerConfig",
    "Supervisor",
    "TaskGuard",
    "TaskLimits",
    "TimeUnit",
    "WaitMode",
    "WakeCondition",
    "WakeType",
]
