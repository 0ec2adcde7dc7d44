"""Agents, and what comes with them."""

from agiwo.abort import AbortSignal
from agiwo.agent.agent import Agent, UserInput
from agiwo.agent.handle import RunHandle
from agiwo.agent.options import AgentOptions
from agiwo.schema.run import RunStatus, TerminationReason, Usage
from agiwo.schema.stream import EventType, RunError, RunOutput, StepDelta, StreamEvent
from agiwo.schema.tool import ExecutionContext

__all__ = [
    "AbortSignal",
    "Agent",
    "AgentOptions",
    "EventType",
    "ExecutionContext",
    "RunError",
    "RunHandle",
    "RunOutput",
    "RunStatus",
    "StepDelta",
    "StreamEvent",
    "TerminationReason",
    "Usage",
    "UserInput",
]
