"""Reads text files of the workspace, in pieces when they are long. Shows no pictures and runs nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from agiwo.abort import AbortSignal
from agiwo.errors import ToolError
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.result import ToolResult
from agiwo.tool.thread import in_thread
from agiwo.tool.workspace import Workspace, WorkspaceTool

_PIECE = 65536
"""Bytes read at a time; a line may be longer than any memory."""

_PROBE = 8192
"""Bytes that tell whether a file is text."""


class ReadFile(WorkspaceTool):
    """Gives a model the lines of a file: at most `lines` of them and `size` bytes at a time."""

    effect: Effect = "read"

    def __init__(
        self, workspace: Workspace | str | Path | None = None, *, lines: int = 2000, size: int = 64 * 1024
    ) -> None:
        super().__init__(workspace)
        self._lines, self._size = lines, size

    def get_name(self) -> str:
        """`read_file`."""
        return "read_file"

    def get_description(self) -> str:
        """What it reads, and how much at a time."""
        return (
            f"Read a text file of the workspace, at most {self._lines} lines and {self._size // 1024} KiB at a time. "
            "When there is more, the last line of the result says with which offset to go on."
        )

    def get_parameters(self) -> dict[str, Any]:
        """The path, and which lines."""
        properties = {
            "path": {"type": "string", "description": "relative to the workspace"},
            "offset": {"type": "integer", "minimum": 1, "description": "the first line to read, 1 if left out"},
            "limit": {"type": "integer", "minimum": 1, "description": "how many lines to read"},
        }
        return {"type": "object", "properties": properties, "required": ["path"]}

    def is_concurrency_safe(self) -> bool:
        """Always: it changes nothing."""
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """The lines as they are, and a note when the file goes on."""
        signal = abort_signal or AbortSignal()
        offset = parameters.get("offset", 1)
        limit = min(parameters.get("limit", self._lines), self._lines)

        def read() -> ToolResult:
            with self.workspace.reading(parameters["path"]) as file:
                return _result(_Reading(file, self._size, signal.is_aborted), offset, limit)

        return await in_thread(read)


class _Reading:
    """Lines of a file, as far as they fit."""

    def __init__(self, file: BinaryIO, size: int, is_over: Callable[[], bool]) -> None:
        self._file, self._size, self._is_over = file, size, is_over
        self.line = 1
        self.text: bytearray = bytearray()
        self.is_cut = False
        self.has_more = False

    def require_text(self) -> None:
        """Return with the file at its beginning, unless it is no text."""
        if b"\0" in self._file.read(_PROBE):
            self._file.seek(0, 2)
            raise ToolError(f"this is not a text file ({self._file.tell():,} bytes)")
        self._file.seek(0)

    def skip_to(self, line: int) -> None:
        """Go to the beginning of that line.

        Raises: ToolError when the file ends before it.
        """
        while self.line < line:
            piece = self._next()
            if not piece:
                raise ToolError(f"there is no line {line}: the file is shorter")
            self.line += piece.endswith(b"\n")

    def take(self, lines: int) -> None:
        """Take so many lines, or what there is of them."""
        end = self.line + lines
        while self.line < end and not self.is_cut and (piece := self._next()):
            room = self._size - len(self.text)
            self.text += piece[:room]
            self.is_cut = len(piece) > room
            self.line += piece.endswith(b"\n") and not self.is_cut
        self.has_more = self.is_cut or bool(self._file.read(1))

    def _next(self) -> bytes:
        if self._is_over():
            raise ToolError("reading was stopped")
        return self._file.readline(_PIECE)


def _result(reading: _Reading, offset: int, limit: int) -> ToolResult:
    reading.require_text()
    reading.skip_to(offset)
    reading.take(limit)
    text = reading.text.decode(errors="replace")
    if not text and offset > 1:
        raise ToolError(f"there is no line {offset}: the file is shorter")
    if not reading.has_more:
        return ToolResult(content=text or "[the file is empty]", output={"offset": offset, "next": None})
    if reading.line == offset:  # not even one line fits
        note, following = f"[the rest of line {offset} is left out; go on with offset {offset + 1}]", offset + 1
    else:
        note, following = f"[the file goes on; read it with offset {reading.line}]", reading.line
        text = _whole_lines(text)
    return ToolResult(content=f"{text}\n{note}", output={"offset": offset, "next": following})


def _whole_lines(text: str) -> str:
    """The text without the line that was cut off: the next piece begins with it."""
    return text[: text.rfind("\n") + 1].removesuffix("\n")
