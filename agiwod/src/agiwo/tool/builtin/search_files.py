"""Finds lines in the files of the workspace. The search itself runs in a process that can be ended: see `grep`."""

import sys
from pathlib import Path
from typing import Any

import orjson

from agiwo.abort import AbortSignal
from agiwo.child_environment import plain_environment
from agiwo.errors import ToolError
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.builtin.list_files import PASSED_BY
from agiwo.tool.process import Ended, run_process
from agiwo.tool.result import ToolResult
from agiwo.tool.thread import in_thread
from agiwo.tool.workspace import Workspace, WorkspaceTool

_GREP = Path(__file__).with_name("grep.py")

_PYTHON = (sys.base_prefix, sys.prefix, "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
"""What Python needs to see of the system."""

_KEEP = 1024 * 1024
"""Bytes of what the search writes: its matches are cut and counted, so they are always fewer."""


class SearchFiles(WorkspaceTool):
    """Tells a model which lines match a regular expression: at most `matches`, within `seconds`."""

    effect: Effect = "read"

    def __init__(
        self, workspace: Workspace | str | Path | None = None, *, matches: int = 200, seconds: float = 20
    ) -> None:
        super().__init__(workspace)
        self._matches, self._seconds = matches, seconds
        self.timeout_seconds = seconds + 10

    def get_name(self) -> str:
        """`search_files`."""
        return "search_files"

    def get_description(self) -> str:
        """What it searches, and how a match looks."""
        return (
            "Search the text files of the workspace for a regular expression (Python's), line by line. "
            f"Gives path:line: text, at most {self._matches} matches. Not searched: {', '.join(sorted(PASSED_BY))}."
        )

    def get_parameters(self) -> dict[str, Any]:
        """What, and where."""
        properties = {
            "pattern": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1000,
                "description": "a regular expression; (?i) at its start ignores case",
            },
            "path": {"type": "string", "description": "a directory or file, the whole workspace if left out"},
        }
        return {"type": "object", "properties": properties, "required": ["pattern"]}

    def is_concurrency_safe(self) -> bool:
        """Always: it changes nothing."""
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """The matches, one a line; those found until then when the time is over."""
        place = await in_thread(lambda: self._place(parameters.get("path", ".")))
        request = {
            "root": str(self.workspace.root),
            "place": place.as_posix(),
            "pattern": parameters["pattern"],
            "matches": self._matches,
            "passedBy": sorted(PASSED_BY),
        }
        # Isolated, so that nothing in the workspace can become a part of the program.
        command = [sys.executable, "-I", "-S", str(_GREP), orjson.dumps(request).decode()]
        root = self.workspace.root
        ended = await run_process(
            command,
            cwd=root,
            env=plain_environment(),
            seconds=self._seconds,
            keep=_KEEP,
            sandbox=self.workspace.sandbox.narrowed(str(root), str(_GREP.parent), *_PYTHON),
        )
        if ended.refusal:
            raise ToolError(ended.refusal)
        return _result(ended, self._matches)

    def _place(self, path: str) -> Path:
        place = self.workspace.locate(path)
        if not (self.workspace.root / place).is_file():
            self.workspace.require_directory(path)
        return place


def _result(ended: Ended, most: int) -> ToolResult:
    if not ended.reason and ended.code:
        raise ToolError(ended.text().strip().rpartition("\n")[2] or "the search failed")
    matches = ended.text().splitlines()
    note = f"\n[the search was ended: {ended.reason}; simplify the pattern or search in less]" if ended.reason else ""
    if len(matches) >= most:
        note = f"\n[there may be more than these {most}; make the pattern or the path narrower]"
    return ToolResult(
        content=("\n".join(matches) or "[nothing matches]") + note,
        output={"matches": len(matches), "more": bool(note)},
        is_success=bool(matches) or not ended.reason,
    )
