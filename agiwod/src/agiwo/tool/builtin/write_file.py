"""Writes a file of the workspace, whole or not at all. Changes no part of one; that is edit_file."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from agiwo.abort import AbortSignal
from agiwo.errors import ToolError
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.result import ToolResult
from agiwo.tool.thread import in_thread
from agiwo.tool.workspace import Workspace, WorkspaceTool


class WriteFile(WorkspaceTool):
    """Lets a model write files of at most `size` bytes. Somebody is asked first, unless `approval` is False."""

    effect: Effect = "idempotent"

    def __init__(
        self,
        workspace: Workspace | str | Path | None = None,
        *,
        approval: bool = True,
        size: int = 10 * 1024 * 1024,
    ) -> None:
        super().__init__(workspace)
        self._approval, self._size = approval, size

    def get_name(self) -> str:
        """`write_file`."""
        return "write_file"

    def get_description(self) -> str:
        """What it does to a file that is there."""
        return (
            "Write a text file of the workspace. A file that is there is replaced; directories are made as needed. "
            "To change a part of a file use edit_file."
        )

    def get_parameters(self) -> dict[str, Any]:
        """The path, and all that is to be in the file."""
        properties = {
            "path": {"type": "string", "description": "relative to the workspace"},
            "content": {"type": "string", "description": "the whole content of the file"},
        }
        return {"type": "object", "properties": properties, "required": ["path", "content"]}

    def is_concurrency_safe(self) -> bool:
        """Never: another call may be about the same file."""
        return False

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        """Whether it was made so."""
        return self._approval

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """How much was written where."""
        path = parameters["path"]
        content = encoded(parameters["content"], self._size)
        is_new = await in_thread(partial(self.workspace.replace, path, content))
        verb = "wrote" if is_new else "replaced"
        return ToolResult(content=f"{verb} {path} ({len(content):,} bytes)", output={"created": is_new})


def encoded(text: str, size: int) -> bytes:
    """The bytes of a text that may be written.

    Raises: ToolError when there are more than `size`.
    """
    content = text.encode(errors="replace")
    if len(content) > size:
        raise ToolError(f"the file would have {len(content):,} bytes; at most {size:,} are allowed")
    return content
