"""agiwo: an SDK for LLM agents: streaming first, durable, and complete without a daemon.

A name is loaded when it is first asked for, so that who needs an id or an error does not pay for the agent.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from agiwo.abort import AbortSignal
    from agiwo.agent import (
        Agent,
        AgentHooks,
        AgentOptions,
        AgentTool,
        Answer,
        Approval,
        Budget,
        InMemoryRunStepStorage,
        RunHandle,
        RunOutput,
        RunStepStorage,
        RunStepStorageConfig,
        StreamEvent,
        TerminationReason,
        TraceStorageConfig,
        as_tool,
    )
    from agiwo.scheduler import Scheduler, SchedulerConfig
    from agiwo.tool import BaseTool, Policy, Rule, ToolResult, tool

__all__ = [
    "AbortSignal",
    "Agent",
    "AgentHooks",
    "AgentOptions",
    "AgentTool",
    "Answer",
    "Approval",
    "BaseTool",
    "Budget",
    "InMemoryRunStepStorage",
    "Policy",
    "Rule",
    "RunHandle",
    "RunOutput",
    "RunStepStorage",
    "RunStepStorageConfig",
    "Scheduler",
    "SchedulerConfig",
    "StreamEvent",
    "TerminationReason",
    "ToolResult",
    "TraceStorageConfig",
    "as_tool",
    "tool",
]

_HOMES: Final = {
    "AbortSignal": "agiwo.abort",
    "BaseTool": "agiwo.tool",
    "Policy": "agiwo.tool",
    "Rule": "agiwo.tool",
    "Scheduler": "agiwo.scheduler",
    "SchedulerConfig": "agiwo.scheduler",
    "ToolResult": "agiwo.tool",
    "tool": "agiwo.tool",
}
"""Where the names are that are not in `agiwo.agent`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOMES.get(name, "agiwo.agent"))
    value = home if name == "tool" else getattr(home, name)  # the package of that name can be called as the decorator
    globals()[name] = value
    return value
