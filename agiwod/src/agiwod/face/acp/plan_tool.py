"""The tool with which a model tells its plan to whoever watches. Keeps none: the calls are in the run's records."""

from typing import Any, Final

from agiwo.abort import AbortSignal
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult

PLAN_TOOL: Final = "update_plan"
"""Its name."""


class PlanTool(BaseTool):
    """Takes the steps of a plan, which the editor shows."""

    effect: Effect = "read"

    def get_name(self) -> str:
        """`update_plan`."""
        return PLAN_TOOL

    def get_description(self) -> str:
        """When to use it."""
        return (
            "Show the user your plan for a task of several steps, and how far you are. Give all steps each time, and "
            "only for tasks that need a plan."
        )

    def get_parameters(self) -> dict[str, Any]:
        """The steps."""
        step = {
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "status": {"type": "string", "enum": ["pending", "in_progress", "completed"]},
                "priority": {"type": "string", "enum": ["high", "medium", "low"]},
            },
            "required": ["text"],
        }
        return {"type": "object", "properties": {"steps": {"type": "array", "items": step}}, "required": ["steps"]}

    def is_concurrency_safe(self) -> bool:
        """Always: it changes nothing."""
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """That it is shown."""
        return ToolResult(content="the user sees the plan")
