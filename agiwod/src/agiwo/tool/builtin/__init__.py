"""The tools that every installation has, by name. Each is loaded when it is first asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from agiwo.errors import NotFound
from agiwo.tool.base import BaseTool

__all__ = ["BUILTINS", "FOR_FILES", "builtin_tool"]

BUILTINS: Final[Mapping[str, str]] = {
    "calculator": "agiwo.tool.builtin.calculator:Calculator",
    "current_time": "agiwo.tool.builtin.current_time:CurrentTime",
    "http_request": "agiwo.tool.builtin.http_request:HttpRequest",
    "read_file": "agiwo.tool.builtin.read_file:ReadFile",
    "write_file": "agiwo.tool.builtin.write_file:WriteFile",
    "edit_file": "agiwo.tool.builtin.edit_file:EditFile",
    "list_files": "agiwo.tool.builtin.list_files:ListFiles",
    "search_files": "agiwo.tool.builtin.search_files:SearchFiles",
    "bash": "agiwo.tool.builtin.bash:Bash",
}

FOR_FILES: Final = frozenset({"read_file", "write_file", "edit_file", "list_files", "search_files", "bash"})
"""Those that take a `workspace`."""


def builtin_tool(name: str, **options: Any) -> BaseTool:
    """A new instance of the builtin tool of that name; `options` are what its constructor takes.

    Raises: NotFound, which lists the names there are.
    """
    if name not in BUILTINS:
        raise NotFound("tool", name, f"the builtin tools are: {', '.join(BUILTINS)}")
    module, _, attribute = BUILTINS[name].partition(":")
    return getattr(import_module(module), attribute)(**options)
