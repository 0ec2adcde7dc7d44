"""Agents, and what comes with them. What only a run needs is loaded when it is first asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agiwo.abort import AbortSignal
from agiwo.agent.agent import Agent
from agiwo.agent.approver import Approver
from agiwo.agent.as_tool import AgentTool, as_tool
from agiwo.agent.hooks import AgentHooks
from agiwo.agent.options import AgentOptions
from agiwo.agent.storage import RunStepStorageConfig, TraceStorageConfig
from agiwo.schema.approval import Answer, Approval
from agiwo.schema.budget import Budget
from agiwo.schema.content import ContentPart, ContentType, UserInput
from agiwo.schema.llm_call import LLMCallContext
from agiwo.schema.memory import MemoryRecord
from agiwo.schema.metrics import RunMetrics, StepMetrics
from agiwo.schema.run import RunStatus, TerminationReason, Usage
from agiwo.schema.step import MessageRole, StepRecord
from agiwo.schema.stream import EventType, RunError, RunOutput, StepDelta, StreamEvent
from agiwo.schema.tool import ExecutionContext

if TYPE_CHECKING:
    from agiwo.agent.handle import RunHandle
    from agiwo.agent.run_step_storage import InMemoryRunStepStorage, RunStepStorage
    from agiwo.schema.stored import Run

__all__ = [
    "AbortSignal",
    "Agent",
    "AgentHooks",
    "AgentOptions",
    "AgentTool",
    "Answer",
    "Approval",
    "Approver",
    "Budget",
    "ContentPart",
    "ContentType",
    "EventType",
    "ExecutionContext",
    "InMemoryRunStepStorage",
    "LLMCallContext",
    "MemoryRecord",
    "MessageRole",
    "Run",
    "RunError",
    "RunHandle",
    "RunMetrics",
    "RunOutput",
    "RunStatus",
    "RunStepStorage",
    "RunStepStorageConfig",
    "StepDelta",
    "StepMetrics",
    "StepRecord",
    "StreamEvent",
    "TerminationReason",
    "TraceStorageConfig",
    "Usage",
    "UserInput",
    "as_tool",
]

_LATER: Final = {
    "InMemoryRunStepStorage": "agiwo.agent.run_step_storage",
    "Run": "agiwo.schema.stored",
    "RunHandle": "agiwo.agent.handle",
    "RunStepStorage": "agiwo.agent.run_step_storage",
}
"""Where the names are that are not here from the start."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LATER[name]), name)
    globals()[name] = value
    return value
