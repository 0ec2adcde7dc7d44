"""What a tool is: a name, a schema, and something to run. Not how it is called safely; that is the executor."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from agiwo.abort import AbortSignal
from agiwo.schema.tool import Effect, ExecutionContext, ToolDefinition
from agiwo.tool.result import ToolResult

__all__ = ["BaseTool", "ToolResult"]


class BaseTool(ABC):
    """Something that an agent can call.

    `timeout_seconds` is enforced (None: no limit). `effect` says what running a call twice would do: "read" nothing,
    "idempotent" nothing when it gets the same `context.idempotency_key`, "once" (the default) something. With
    `cacheable` a successful result answers the same arguments of the same user again for `cache_seconds`, unless the
    effect is "once".
    """

    cacheable: bool = False
    cache_seconds: float = 300
    timeout_seconds: float | None = 30
    effect: Effect = "once"

    @abstractmethod
    def get_name(self) -> str:
        """The name that the model calls it by: letters, digits, `_` and `-`, at most 64."""

    @abstractmethod
    def get_description(self) -> str:
        """What the model is told about it."""

    @abstractmethod
    def get_parameters(self) -> dict[str, Any]:
        """The JSON Schema of its arguments, an object."""

    @abstractmethod
    def is_concurrency_safe(self) -> bool:
        """Whether it may run beside other calls of the same answer."""

    @abstractmethod
    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """Run it. `parameters` fit the schema; beside them stands the call's id as `tool_call_id`.

        What it raises becomes an error result. When its time is over or its run is cancelled, the signal is raised and
        the task that runs it is cancelled.
        """

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        """Whether somebody must allow a call with these arguments before it runs; none, unless a tool says otherwise.

        A rule of the agent's policy comes before it.
        """
        return False

    def approval_reason(self, arguments: Mapping[str, Any]) -> str:
        """What whoever is asked about a call with these arguments should know; nothing, unless a tool says so."""
        return ""

    @property
    def may_need_approval(self) -> bool:
        """Whether any call might: tools that never say so are not asked."""
        return type(self).needs_approval is not BaseTool.needs_approval

    def policy_arguments(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments as a policy's rules see them, so that two ways to write one thing are one thing to a rule."""
        return arguments

    @property
    def policy_names(self) -> tuple[str, ...]:
        """What a policy's rules may call it."""
        return (self.name,)

    @property
    def name(self) -> str:
        """The same as `get_name()`."""
        return self.get_name()

    @property
    def description(self) -> str:
        """The same as `get_description()`."""
        return self.get_description()

    def get_definition(self) -> ToolDefinition:
        """All of the above as data."""
        return ToolDefinition(
            name=self.get_name(),
            description=self.get_description(),
            parameters=self.get_parameters(),
            is_concurrency_safe=self.is_concurrency_safe(),
            timeout_seconds=self.timeout_seconds,
            cacheable=self.cacheable,
            effect=self.effect,
        )

    def to_openai_schema(self) -> dict[str, Any]:
        """The `tools` element of a chat completions request."""
        return self.get_definition().to_openai_schema()
