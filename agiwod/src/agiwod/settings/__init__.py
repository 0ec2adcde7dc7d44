"""The daemon's settings: read once, frozen, and each able to say where it came from."""

from agiwod.settings.layer import Origin
from agiwod.settings.load import load_settings
from agiwod.settings.project import Project, find_project, read_project
from agiwod.settings.tables import (
    AgentSettings,
    ApprovalSettings,
    EngineSettings,
    LimitsSettings,
    McpExposeSettings,
    McpServerSettings,
    McpSettings,
    ModelSettings,
    PythonSettings,
    SandboxSettings,
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
    "EngineSettings",
    "LimitsSettings",
    "McpExposeSettings",
    "McpServerSettings",
    "McpSettings",
    "ModelSettings",
    "Origin",
    "Project",
    "PythonSettings",
    "SandboxSettings",
    "SchedulerSettings",
    "ServeSettings",
    "Settings",
    "SkillsSettings",
    "StorageSettings",
    "TelemetrySettings",
    "TimeoutSettings",
    "find_project",
    "load_settings",
    "read_project",
]
