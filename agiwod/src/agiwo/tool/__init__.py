"""Tools: what an agent can do besides talking."""

from agiwo.schema.tool import ToolDefinition
from agiwo.tool.base import BaseTool
from agiwo.tool.function import tool
from agiwo.tool.policy import Policy, Rule
from agiwo.tool.result import ToolResult

__all__ = ["BaseTool", "Policy", "Rule", "ToolDefinition", "ToolResult", "tool"]
