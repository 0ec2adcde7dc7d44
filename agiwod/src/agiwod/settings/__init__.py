"""The daemon's settings: read once, frozen, and each able to say where it came from."""

from agiwod.settings.idle import idle_settings
from agiwod.settings.layer import Origin
from agiwod.settings.load import load_settings
from agiwod.settings.tables import (
    AgentSettings,
    ApprovalSettings,
    McpExposeSettings,
    McpServerSettings,
    McpSettings,
    ModelSettings,
    PythonSettings,
    SchedulerSettings,
    ServeSettings,
    Settings,
    SkillsSettings,
    StorageSettings,
    TelemetrySettings,
    TimeoutSettings,
)

__all__ = [
    "AgentSettings",
    "ApprovalSettings",
    "McpExposeSettings",
    "McpServerSettings",
    "McpSettings",
    "ModelSettings",
    "Origin",
    "PythonSettings",
    "SchedulerSettings",
    "ServeSettings",
    "Settings",
    "SkillsSettings",
    "StorageSettings",
    "TelemetrySettings",
    "TimeoutSettings",
    "idle_settings",
    "load_settings",
]
