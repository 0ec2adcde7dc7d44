"""Changes one place in a text file of the workspace. Guesses no place: the old text must be there exactly once."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from agiwo.abort import AbortSignal
from agiwo.errors import ToolError
from agiwo.schema.tool import ExecutionContext
from agiwo.tool.builtin.write_file import encoded
from agiwo.tool.result import ToolResult
from agiwo.tool.thread import in_thread
from agiwo.tool.workspace import Workspace, WorkspaceTool


class EditFile(WorkspaceTool):
    """Lets a model change files of at most `size` bytes. Somebody is asked first, unless `approval` is False."""

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
        """`edit_file`."""
        return "edit_file"

    def get_description(self) -> str:
        """What it needs to know the place."""
        return (
            "Replace one piece of text in a file of the workspace. `old` must be in the file exactly once, letter by "
            "letter, line ends and indentation included; give enough of what is around it."
        )

    def get_parameters(self) -> dict[str, Any]:
        """The path, the text that is there, and the text that is to be there."""
        properties = {
            "path": {"type": "string", "description": "relative to the workspace"},
            "old": {"type": "string", "minLength": 1, "description": "the text to replace"},
            "new": {"type": "string", "description": "the text to put in its place"},
        }
        return {"type": "object", "properties": properties, "required": ["path", "old", "new"]}

    def is_concurrency_safe(self) -> bool:
        """Never: another call may be about the same file."""
        return False

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        """Whether it was made so."""
        return self._approval

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """In which line the change was made."""
        path, old, new = parameters["path"], parameters["old"], parameters["new"]
        line = await in_thread(partial(self._edit, path, old, new))
        return ToolResult(content=f"changed {path} at line {line}", output={"line": line})

    def _edit(self, path: str, old: str, new: str) -> int:
        with self.workspace.reading(path) as file:
            before = file.read(self._size + 1)
        text, line = changed(_text(before, self._size), old, new)
        self.workspace.replace(path, encoded(text, self._size))
        return line


def changed(text: str, old: str, new: str) -> tuple[str, int]:
    """The text with `new` in the place of `old`, and in which line that is.

    Raises: ToolError unless `old` is there exactly once.
    """
    if old not in text and "\r\n" in text:
        # A model writes line ends as it reads them, and it reads both kinds alike.
        old, new = (each.replace("\r\n", "\n").replace("\n", "\r\n") for each in (old, new))
    _require_one(text, old, new)
    return text.replace(old, new), text.count("\n", 0, text.index(old)) + 1


def _text(content: bytes, size: int) -> str:
    if len(content) > size:
        raise ToolError(f"the file is larger than {size:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ToolError("this is not a text file in UTF-8") from None


def _require_one(text: str, old: str, new: str) -> None:
    if old == new:
        raise ToolError("`old` and `new` are the same, so there is nothing to change")
    count = text.count(old)
    if count == 0:
        raise ToolError(f"`old` is not in the file{_hint(text, old)}")
    if count > 1:
        raise ToolError(f"`old` is in the file {count} times; give more of what is around the place you mean")


def _hint(text: str, old: str) -> str:
    if " ".join(old.split()) in " ".join(text.split()):
        return "; it is there with other spaces or line ends, so read the file and copy it letter by letter"
    return "; read the file again, it may have changed"
