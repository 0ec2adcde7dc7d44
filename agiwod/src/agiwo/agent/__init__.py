"""Agents, and what comes with them."""

from agiwo.abort import AbortSignal
from agiwo.agent.agent import Agent
from agiwo.agent.approver import Approver
from agiwo.agent.as_tool import AgentTool, as_tool
from agiwo.agent.handle import RunHandle
from agiwo.agent.hooks import AgentHooks
from agiwo.agent.options import AgentOptions
from agiwo.agent.run_step_storage import InMemoryRunStepStorage, RunStepStorage
from agiwo.agent.storage import RunStepStorageConfig, TraceStorageConfig
from agiwo.schema.approval import Answer, Approval
from agiwo.schema.budget import Budget
from agiwo.schema.content import ContentPart, ContentType, UserInput
from agiwo.schema.memory import MemoryRecord
from agiwo.schema.metrics import RunMetrics, StepMetrics
from agiwo.schema.run import RunStatus, TerminationReason, Usage
from agiwo.schema.step import MessageRole, StepRecord
from agiwo.schema.stored import Run
from agiwo.schema.stream import EventType, RunError, RunOutput, StepDelta, StreamEvent
from agiwo.schema.tool import ExecutionContext

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
