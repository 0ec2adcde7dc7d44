"""Tools: what an agent can do besides talking. `AgentTool` and `as_tool` can be had here too, and live with agents.

The package is the decorator, too, so that `agiwo.tool` is both: what `from agiwo import tool` gives, and where these
names are.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from agiwo.schema.tool import ToolDefinition
from agiwo.tool.base import BaseTool
from agiwo.tool.function import tool
from agiwo.tool.policy import Policy, Rule
from agiwo.tool.result import ToolResult

__all__ = ["BaseTool", "Policy", "Rule", "ToolDefinition", "ToolResult", "tool"]


def __getattr__(name: str) -> Any:
    # Agents stand above tools, so they are loaded by whoever asks for them here, and not by this package.
    if name not in ("AgentTool", "as_tool"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("agiwo.agent.as_tool"), name)


class _Decorator(ModuleType):
    """The package that can be called."""

    def __call__(self, *functions: Any, **options: Any) -> Any:
        return tool(*functions, **options)


sys.modules[__name__].__class__ = _Decorator
