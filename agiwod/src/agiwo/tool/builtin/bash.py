"""Runs commands of a model in a shell, in the workspace and in its sandbox. Judges none: somebody is asked first."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agiwo.abort import AbortSignal
from agiwo.child_environment import plain_environment
from agiwo.errors import ToolError
from agiwo.schema.tool import ExecutionContext
from agiwo.tool.process import Ended, run_process
from agiwo.tool.result import ToolResult
from agiwo.tool.sandbox import walls
from agiwo.tool.sandbox.telling import told
from agiwo.tool.workspace import Workspace, WorkspaceTool


class Bash(WorkspaceTool):
    """Lets a model run commands. Each is a shell of its own that starts in the workspace and reads nothing.

    A command has `seconds`, and may ask for up to `longest`; then it is killed, as it is when the run is cancelled, and
    with it all that it has started. What it leaves in the background ends with it. Of its output `size` bytes are kept,
    half of them from the end. It gets a few variables of the environment, no keys, and those of `env`. How far it
    reaches is for the workspace's sandbox to say. Somebody is asked first, unless `approval` is False.
    """

    def __init__(
        self,
        workspace: Workspace | str | Path | None = None,
        *,
        approval: bool = True,
        env: Mapping[str, str] | None = None,
        seconds: float = 120,
        longest: float = 600,
        size: int = 64 * 1024,
    ) -> None:
        super().__init__(workspace)
        self._approval, self._env, self._size = approval, dict(env or {}), size
        self._longest, self._seconds = longest, min(seconds, longest)
        self.timeout_seconds = longest + 10

    def get_name(self) -> str:
        """`bash`."""
        return "bash"

    def get_description(self) -> str:
        """What a command may expect."""
        sandbox = self.workspace.sandbox
        place = (
            "" if not sandbox.has_walls else " What it writes elsewhere, in /tmp too, is refused or gone afterwards."
        )
        network = "" if sandbox.network or not sandbox.has_walls else " There is no network."
        return (
            "Run a command with bash in the workspace. Every call is a new shell, without input; what it leaves in "
            "the background is ended with it. Gives stdout and stderr together, and the exit code when it is not 0."
            f"{place}{network}"
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

    def approval_reason(self, arguments: Mapping[str, Any]) -> str:
        """How far the command will reach; plainly so where nothing holds it."""
        return told(self.workspace.sandbox, self.workspace.root, walls())

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
        sandbox = self.workspace.sandbox
        try:
            ended = await run_process(
                [shutil.which("bash") or "/bin/sh", "-c", command],
                cwd=self.workspace.root,
                env=plain_environment(also=sandbox.env) | self._env,
                seconds=parameters.get("timeout", self._seconds),
                keep=self._size,
                sandbox=sandbox,
            )
        except (OSError, UnicodeEncodeError) as error:
            raise ToolError(f"the command cannot be started: {error}") from error
        return _result(ended)


def _result(ended: Ended) -> ToolResult:
    if ended.refusal:
        raise ToolError(ended.refusal)
    output, text = {"exitCode": ended.code}, ended.text()
    if ended.code == 0:
        return ToolResult(content=text or "[no output]", output=output)
    error = f"killed, because {ended.reason}" if ended.reason else f"exit code {ended.code}"
    return ToolResult(content=f"{text}\n[{error}]".lstrip(), output=output, error=error, is_success=False)
