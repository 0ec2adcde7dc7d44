"""The tools that everybody knows, carried out by an editor: what is not saved is seen, and edits arrive as changes.

They are called as those of the daemon are, and ask as those do. They see what is below the session's directory.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any, Final

from agiwo.abort import AbortSignal
from agiwo.errors import ToolError
from agiwo.schema.tool import ExecutionContext
from agiwo.tool.builtin.bash import Bash
from agiwo.tool.builtin.edit_file import EditFile, changed
from agiwo.tool.builtin.read_file import ReadFile
from agiwo.tool.builtin.write_file import WriteFile
from agiwo.tool.result import ToolResult
from agiwo.tool.workspace import Workspace

from agiwod.face.acp.editor import Editor

_LINES: Final = 2000
_SIZE: Final = 64 * 1024
"""How much of a file or a command's output a model gets at once."""

_KEPT: Final = 64 * 1024
"""Characters of what was in a file before that are recorded, so that the change can be shown again."""

_FILE: Final = 130.0
"""Seconds for a file: it is asked for, and given back."""

ShowTerminal = Callable[[str, str], None]
"""Tells in which terminal a call runs: the call's item, and the terminal."""


class EditorRead(ReadFile):
    """Gives a model the lines of a file as they stand in the editor."""

    def __init__(self, workspace: Workspace, editor: Editor) -> None:
        super().__init__(workspace, lines=_LINES, size=_SIZE)
        self._editor, self.timeout_seconds = editor, _FILE

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """The lines as they are, and a note when the file goes on."""
        offset, limit = parameters.get("offset"), min(parameters.get("limit", _LINES), _LINES)
        path = absolute(self.workspace, parameters["path"])
        # One line more than is wanted tells whether the file goes on.
        text = await self._editor.read(path, offset, limit + 1)
        return _piece(text.splitlines(keepends=True), offset or 1, limit)


def _piece(lines: list[str], offset: int, limit: int) -> ToolResult:
    shown, size = 0, 0
    while shown < min(len(lines), limit) and (size := size + len(lines[shown])) <= _SIZE:
        shown += 1
    text = "".join(lines[:shown]) if shown else "".join(lines[:1])[:_SIZE]
    if not text:
        if offset > 1:
            raise ToolError(f"there is no line {offset}: the file is shorter")
        return ToolResult(content="[the file is empty]", output={"offset": offset, "next": None})
    if shown == len(lines):
        return ToolResult(content=text, output={"offset": offset, "next": None})
    following = offset + max(shown, 1)
    note = f"[the file goes on; read it with offset {following}]"
    return ToolResult(content=f"{text.removesuffix(chr(10))}\n{note}", output={"offset": offset, "next": following})


class EditorWrite(WriteFile):
    """Lets a model write files through the editor."""

    def __init__(self, workspace: Workspace, editor: Editor) -> None:
        super().__init__(workspace)
        self._editor, self.timeout_seconds = editor, _FILE

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """How much was written where; what was there before, for those who show the change."""
        path, content = parameters["path"], parameters["content"]
        self.workspace.writable(path)
        place = absolute(self.workspace, path)
        before = await _before(self._editor, place)
        await self._editor.write(place, content)
        verb = "wrote" if before is None else "replaced"
        output: dict[str, Any] = {"created": before is None}
        if before is not None and len(before) <= _KEPT:
            output["oldText"] = before
        return ToolResult(content=f"{verb} {path} ({len(content.encode(errors='replace')):,} bytes)", output=output)


async def _before(editor: Editor, place: str) -> str | None:
    try:
        return await editor.read(place)
    except ToolError:
        return None  # there is none, or the editor only writes


class EditorEdit(EditFile):
    """Lets a model change files as they stand in the editor."""

    def __init__(self, workspace: Workspace, editor: Editor) -> None:
        super().__init__(workspace)
        self._editor, self.timeout_seconds = editor, _FILE

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """In which line the change was made."""
        path = parameters["path"]
        self.workspace.writable(path)
        place = absolute(self.workspace, path)
        text, line = changed(await self._editor.read(place), parameters["old"], parameters["new"])
        await self._editor.write(place, text)
        return ToolResult(content=f"changed {path} at line {line}", output={"line": line})


class EditorTerminal(Bash):
    """Lets a model run commands in terminals of the editor, where its user sees them."""

    def __init__(self, workspace: Workspace, editor: Editor, show: ShowTerminal) -> None:
        super().__init__(workspace)
        self._editor, self._show = editor, show

    def approval_reason(self, arguments: Mapping[str, Any]) -> str:
        """That the editor runs it, which has no sandbox of ours."""
        return "the editor runs it, in no sandbox: it can do whatever you can"

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """What the command wrote; a failure when its exit code is not 0 or it was killed."""
        seconds = parameters.get("timeout", 120)
        command = {
            "command": shutil.which("bash") or "/bin/sh",
            "args": ["-c", parameters["command"]],
            "cwd": str(self.workspace.root),
            "outputByteLimit": _SIZE,
        }
        async with self._editor.terminal(command) as terminal:
            self._show(context.idempotency_key, terminal.id)
            end = await terminal.ended(seconds)
            written = await terminal.output()
        if end is None:
            return _failed(written.output, f"killed, because it took longer than {seconds:g} seconds")
        code = 0 if end.exit_code is None and end.signal is None else end.exit_code
        if code != 0:
            return _failed(written.output, f"exit code {code}" if end.signal is None else f"killed by {end.signal}")
        return ToolResult(content=written.output or "[no output]", output={"exitCode": code})


def _failed(written: str, error: str) -> ToolResult:
    return ToolResult(content=f"{written}\n[{error}]".lstrip(), error=error, is_success=False)


def absolute(workspace: Workspace, path: str) -> str:
    """The path as the editor knows it, which need not be where its links lead.

    Raises: ToolError when it leads out of the workspace.
    """
    workspace.locate(path)
    return os.path.normpath(os.path.join(workspace.root, path))
