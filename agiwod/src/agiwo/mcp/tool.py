"""A tool of a foreign server as a tool of an agent. Restarts nothing; that is the supervision's."""

from collections.abc import Mapping
from typing import Any

from agiwo.abort import AbortSignal
from agiwo.mcp.offer import OfferedTool
from agiwo.mcp.result import tool_result
from agiwo.mcp.supervision import Supervision
from agiwo.schema.tool import ExecutionContext, ToolDefinition
from agiwo.schema.trace_context import TraceContext
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult

_MARGIN = 2.0
"""Seconds that a call may take longer than the server's timeout, before it is ended from outside: to say why."""


class McpTool(BaseTool):
    """A tool of a server that is kept running. Its effect is what the server says of it, or "once".

    Somebody is asked first about a tool that the server calls destructive, unless a rule of the agent's says otherwise.
    """

    def __init__(self, offered: OfferedTool, supervision: Supervision) -> None:
        self.offered, self._supervision = offered, supervision
        self.effect = offered.effect
        self.timeout_seconds = supervision.server.timeout + _MARGIN

    def get_name(self) -> str:
        """What models call it; see `model_name`."""
        return self.offered.model_name

    def get_description(self) -> str:
        """As the server describes it."""
        return self.offered.description or f"The tool {self.offered.name} of {self.offered.server}."

    def get_parameters(self) -> dict[str, Any]:
        """The server's schema."""
        return dict(self.offered.parameters)

    def is_concurrency_safe(self) -> bool:
        """Whether it only reads, as far as the server says."""
        return self.effect == "read"

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        """Whether the server calls it destructive."""
        return self.offered.is_destructive

    @property
    def may_need_approval(self) -> bool:
        """The same for every call."""
        return self.offered.is_destructive

    @property
    def policy_names(self) -> tuple[str, ...]:
        """What rules may call it: also `mcp:SERVER/TOOL`."""
        return (self.name, self.offered.full_name)

    def get_definition(self) -> ToolDefinition:
        """All of the above as data, with the server's own words as a version."""
        own = super().get_definition()
        return ToolDefinition(
            own.name,
            own.description,
            own.parameters,
            own.is_concurrency_safe,
            own.timeout_seconds,
            own.cacheable,
            own.effect,
            source=self.offered.full_name,
            version=self.offered.version,
        )

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """What the server gives. That it does not run, or does not answer, is an error that a model can read."""
        arguments = {name: value for name, value in parameters.items() if self._takes(name)}
        has_span = context.trace_id and context.span_id
        trace = TraceContext(context.trace_id or "", context.span_id or "").header if has_span else ""
        given = await self._supervision.call(self.offered.name, arguments, trace, context.tell or _nobody_listens)
        return tool_result(given)

    def _takes(self, name: str) -> bool:
        # The executor adds the call's id, which is none of the model's arguments.
        return name != "tool_call_id" or name in self.offered.parameters["properties"]


def _nobody_listens(text: str) -> None: ...
