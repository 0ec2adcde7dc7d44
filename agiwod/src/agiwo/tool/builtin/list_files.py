"""Lists what is in the workspace, by name or by pattern. Opens no file."""

import os
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from agiwo.abort import AbortSignal
from agiwo.errors import ToolError
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.result import ToolResult
from agiwo.tool.thread import in_thread
from agiwo.tool.workspace import Workspace, WorkspaceTool

PASSED_BY = frozenset({".git", ".hg", ".svn", ".tox", ".venv", "__pycache__", "node_modules"})
"""Directories that a search does not go into: what is in them was made by programs and is very much."""

_VISITED = 200_000
"""Entries that one call looks at."""


class ListFiles(WorkspaceTool):
    """Tells a model which files there are, at most `entries` of them."""

    effect: Effect = "read"

    def __init__(self, workspace: Workspace | str | Path | None = None, *, entries: int = 1000) -> None:
        super().__init__(workspace)
        self._entries = entries

    def get_name(self) -> str:
        """`list_files`."""
        return "list_files"

    def get_description(self) -> str:
        """What it lists with and without a pattern."""
        return (
            "List a directory of the workspace; directories end with /. With a pattern, list what matches in it and "
            "below: *.py matches names at any depth, src/**/*.py matches paths. "
            f"Not searched: {', '.join(sorted(PASSED_BY))}."
        )

    def get_parameters(self) -> dict[str, Any]:
        """Where, and what."""
        properties = {
            "path": {
                "type": "string",
                "description": "a directory relative to the workspace, the workspace itself if left out",
            },
            "pattern": {"type": "string", "maxLength": 1000, "description": "such as *.md or docs/**/*.md"},
        }
        return {"type": "object", "properties": properties}

    def is_concurrency_safe(self) -> bool:
        """Always: it changes nothing."""
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """The names, one a line, relative to `path`."""
        signal = abort_signal or AbortSignal()
        path, pattern = parameters.get("path", "."), parameters.get("pattern", "")
        return await in_thread(partial(self._list, path, pattern, signal.is_aborted))

    def _list(self, path: str, pattern: str, is_over: Callable[[], bool]) -> ToolResult:
        self.workspace.require_directory(path)
        look = partial(_entries, self.workspace, path)
        names: list[str] = []
        has_more = False
        for name in _matching(look, pattern, is_over) if pattern else _children(look):
            has_more = len(names) == self._entries
            if has_more:
                break
            names.append(name)
        note = f"\n[there are more than these {len(names)}; give a pattern]" if has_more else ""
        text = "\n".join(names) or ("[nothing matches]" if pattern else "[the directory is empty]")
        return ToolResult(content=text + note, output={"files": names, "more": has_more})


_Look = Callable[..., Sequence[tuple[str, bool]]]
"""Gives what is in a directory below, each name with whether it is a directory."""


def _children(look: _Look) -> Iterator[str]:
    for name, is_directory in look():
        yield f"{name}/" if is_directory else name


def _matching(look: _Look, pattern: str, is_over: Callable[[], bool]) -> Iterator[str]:
    """What matches below, as a walk through the tree comes across it. Links are named and not followed."""
    wanted = pattern.strip("/").split("/")
    if len(wanted) == 1:
        wanted = ["**", *wanted]
    visited = 0
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        above = waiting.pop()
        below: list[tuple[str, ...]] = []
        for name, is_directory in look(*above):
            visited += 1
            if visited > _VISITED or is_over():
                raise ToolError(f"there is too much to look at ({visited - 1:,} entries); search in a directory below")
            parts = (*above, name)
            if is_directory and name not in PASSED_BY:
                below.append(parts)
            if fits(parts, wanted):
                yield "/".join(parts) + ("/" if is_directory else "")
        waiting.extend(reversed(below))


def fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path matches a pattern, both in pieces; the piece `**` stands for any number of them."""
    states = _reached({0}, pattern)
    for part in parts:
        stayed = {state for state in states if state < len(pattern) and pattern[state] == "**"}
        moved = {state + 1 for state in states if state < len(pattern) and fnmatchcase(part, pattern[state])}
        states = _reached(stayed | moved, pattern)
    return len(pattern) in states


def _reached(states: set[int], pattern: Sequence[str]) -> set[int]:
    """These states, and those behind a `**` that stands for nothing."""
    reached = set(states)
    for state in range(len(pattern)):
        if state in reached and pattern[state] == "**":
            reached.add(state + 1)
    return reached


def _entries(workspace: Workspace, path: str, *below: str) -> Sequence[tuple[str, bool]]:
    """What is in a directory, by name; nothing when it cannot be read or is gone by now."""
    try:
        with workspace.looking(path, *below) as directory, os.scandir(directory) as entries:
            return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    except (OSError, ToolError):
        return []
