"""The tools that every installation has, by name. Each is loaded when it is first asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from agiwo.errors import NotFound
from agiwo.tool.base import BaseTool

__all__ = ["BUILTINS", "builtin_tool"]

BUILTINS: Final[Mapping[str, str]] = {
    "calculator": "agiwo.tool.builtin.calculator:Calculator",
    "current_time": "agiwo.tool.builtin.current_time:CurrentTime",
}


def builtin_tool(name: str) -> BaseTool:
    """A new instance of the builtin tool of that name.

    Raises: NotFound, which lists the names there are.
    """
    if name not in BUILTINS:
        raise NotFound("tool", name, f"the builtin tools are: {', '.join(BUILTINS)}")
    module, _, attribute = BUILTINS[name].partition(":")
    return getattr(import_module(module), attribute)()
