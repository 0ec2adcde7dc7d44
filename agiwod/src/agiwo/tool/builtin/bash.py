"""Runs commands of a model in a shell, in the workspace. Not a sandbox: that is why somebody is asked first."""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from agiwo.abort import AbortSignal
from agiwo.errors import ToolError
from agiwo.schema.tool import ExecutionContext
from agiwo.tool.process import Ended, plain_environment, run_process
from agiwo.tool.result import ToolResult
from agiwo.tool.workspace import Workspace, WorkspaceTool

_FENCE = Path(__file__).with_name("fence.py")

_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/shm")
"""What programs write to without meaning to keep it."""


class Bash(WorkspaceTool):
    """Lets a model run commands. Each is a shell of its own that starts in the workspace and reads nothing.

    A command has `seconds`, and may ask for up to `longest`; then its whole process group is killed, as it is when the
    run is cancelled. What it leaves in the background ends with it. Of its output `size` bytes are kept, half of them
    from the end. It gets a few variables of the environment, no keys, and those of `env`. It can do whatever this
    process may do: somebody is asked first, unless `approval` is False.

    With `confined` it and all that it starts can write below the workspace and the directory for temporary files, and
    nowhere else. That needs Linux 5.13; where it cannot be had, no command runs.
    """

    def __init__(
        self,
        workspace: Workspace | str | Path | None = None,
        *,
        approval: bool = True,
        confined: bool = False,
        env: Mapping[str, str] | None = None,
        seconds: float = 120,
        longest: float = 600,
        size: int = 64 * 1024,
    ) -> None:
        super().__init__(workspace)
        self._approval, self._confined = approval, confined
        self._env, self._size = dict(env or {}), size
        self._longest, self._seconds = longest, min(seconds, longest)
        self.timeout_seconds = longest + 10

    def get_name(self) -> str:
        """`bash`."""
        return "bash"

    def get_description(self) -> str:
        """What a command may expect."""
        return (
            "Run a command with bash in the workspace. Every call is a new shell, without input; what it leaves in "
            "the background is ended with it. Gives stdout and stderr together, and the exit code when it is not 0."
        )

    def get_parameters(self) -> dict[str, Any]:
        """The command, and its time."""
        longest = f"seconds it may take, {self._seconds:g} if left out"
        properties = {
            "command": {"type": "string", "minLength": 1},
            "timeout": {"type": "number", "exclusiveMinimum": 0, "maximum": self._longest, "description": longest},
        }
        return {"type": "object", "properties": properties, "required": ["command"]}

    def is_concurrency_safe(self) -> bool:
        """Never: nobody knows what a command does."""
        return False

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        """Whether it was made so."""
        return self._approval

    def policy_arguments(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """As they are: a command has no path of its own."""
        return arguments

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """What the command wrote; a failure when its exit code is not 0 or it was killed."""
        command: str = parameters["command"]
        if "\0" in command:
            raise ToolError("a command cannot hold a zero byte")
        try:
            ended = await run_process(
                [*self._fence(), shutil.which("bash") or "/bin/sh", "-c", command],
                cwd=self.workspace.root,
                env=plain_environment() | self._env,
                seconds=parameters.get("timeout", self._seconds),
                keep=self._size,
            )
        except (OSError, UnicodeEncodeError) as error:
            raise ToolError(f"the command cannot be started: {error}") from error
        return _result(ended)

    def _fence(self) -> list[str]:
        """The program that confines the one behind it, if that is wanted."""
        if not self._confined:
            return []
        writable = [str(self.workspace.root), tempfile.gettempdir(), *_DEVICES]
        return [sys.executable, "-I", str(_FENCE), orjson.dumps(writable).decode()]


def _result(ended: Ended) -> ToolResult:
    output, text = {"exitCode": ended.code}, ended.text()
    if ended.code == 0:
        return ToolResult(content=text or "[no output]", output=output)
    error = f"killed, because {ended.reason}" if ended.reason else f"exit code {ended.code}"
    return ToolResult(content=f"{text}\n[{error}]".lstrip(), output=output, error=error, is_success=False)
