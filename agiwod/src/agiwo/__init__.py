"""agiwo: an SDK for LLM agents: streaming first, durable, and complete without a daemon."""

from agiwo.abort import AbortSignal
from agiwo.agent import Agent, AgentOptions, RunHandle, RunOutput, StreamEvent, TerminationReason
from agiwo.tool import BaseTool, ToolResult, tool

__all__ = [
    "AbortSignal",
    "Agent",
    "AgentOptions",
    "BaseTool",
    "RunHandle",
    "RunOutput",
    "StreamEvent",
    "TerminationReason",
    "ToolResult",
    "tool",
]
