"""A step of a conversation: what the user, the agent or a tool said, and what it cost. Knows no journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from agiwo.schema.metrics import StepMetrics


class MessageRole(StrEnum):
    """Who said it."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step. `sequence` counts the steps of a session from 1; `content` is text, or content parts as JSON data.

    `tool_calls` are those of an assistant's step, in OpenAI's form; a tool's step has `tool_call_id` and `name`.
    """

    session_id: str
    run_id: str
    sequence: int
    role: MessageRole
    id: str = ""
    agent_id: str = ""
    content: str | Sequence[Mapping[str, Any]] | None = None
    content_for_user: str | None = None
    reasoning_content: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    metrics: StepMetrics = field(default_factory=StepMetrics)
    created_at: float = 0.0
    parent_run_id: str | None = None
    depth: int = 0

    @classmethod
    def user(cls, session_id: str, run_id: str, sequence: int, content: Any, **others: Any) -> "StepRecord":
        """What a user said."""
        return cls(session_id, run_id, sequence, MessageRole.USER, content=content, **others)

    @classmethod
    def assistant(cls, session_id: str, run_id: str, sequence: int, content: str | None, **others: Any) -> "StepRecord":
        """What the agent said, and what it called."""
        return cls(session_id, run_id, sequence, MessageRole.ASSISTANT, content=content, **others)

    @classmethod
    def tool(
        cls, session_id: str, run_id: str, sequence: int, tool_call_id: str, name: str, content: str, **others: Any
    ) -> "StepRecord":
        """What a tool gave."""
        return cls(
            session_id,
            run_id,
            sequence,
            MessageRole.TOOL,
            content=content,
            tool_call_id=tool_call_id,
            name=name,
            **others,
        )
