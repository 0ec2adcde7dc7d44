"""What a model is told about a tool, and where a tool call runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Effect = Literal["read", "idempotent", "once"]
"""What running a tool twice would do: nothing; nothing when it gets the same key; or something (the default)."""


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as a model and a client see it. `parameters` is a JSON Schema; `timeout_seconds` is enforced.

    A tool from elsewhere has a `source`, what people call it there, and a `version`, which changes when what it says of
    itself does: who has allowed it has allowed that version.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    is_concurrency_safe: bool = True
    timeout_seconds: float | None = 30
    cacheable: bool = False
    effect: Effect = "once"
    source: str = ""
    version: str = ""

    def to_openai_schema(self) -> dict[str, Any]:
        """The `tools` element of a chat completions request."""
        parameters = dict(self.parameters) if "type" in self.parameters else {"type": "object", **self.parameters}
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model asks for: the provider's id of the call, the tool's name, and the arguments as they came."""

    id: str
    name: str
    arguments: str | Mapping[str, Any] = ""


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """Where a hook or a tool call runs: which run and session, how deep, for whom.

    `idempotency_key` is the same for every attempt at one call, also after a crash, and different for every call.
    `skills` are those of the run, each with the version that it began with; None outside of a run.
    `state_id` names the agent in its scheduler, when it works for one.
    `trace_id` and `span_id` name the call's span, for what the tool asks of others. `tell` shows those who follow the
    run what a call has to say before it ends; None when nobody can.
    """

    session_id: str
    run_id: str
    agent_id: str = ""
    user_id: str | None = None
    depth: int = 0
    parent_run_id: str | None = None
    trace_id: str | None = None
    timeout_at: float | None = None
    idempotency_key: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    skills: Mapping[str, str] | None = None
    state_id: str | None = None
    span_id: str | None = None
    tell: Callable[[str], None] | None = field(default=None, compare=False, repr=False)

    def new_child(self, run_id: str, agent_id: str) -> "ExecutionContext":
        """The context of a run below this one: for the same user, one level deeper."""
        return replace(
            self,
            run_id=run_id,
            agent_id=agent_id,
            depth=self.depth + 1,
            parent_run_id=self.run_id,
            idempotency_key="",
            skills=None,
            state_id=None,
            tell=None,
        )
