"""A command in its sandbox: the command line that runs it, and what is said with the program that does so."""

import marshal
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from agiwo.errors import ToolError
from agiwo.tool.sandbox.bubblewrap import wrapped
from agiwo.tool.sandbox.sandbox import Narrow, Sandbox
from agiwo.tool.sandbox.walls import CAGE, walls

_LARGEST = 60_000
"""Bytes of a plan: what a pipe holds while nobody reads."""

_OUTSIDE = {"landlock": False, "namespaces": False, "apart": False, "hands_on": True}
"""How the plan differs for the program outside of bubblewrap: it has no walls, and another has its report."""


class Launch:
    """What the program `cage` is told, and what it says. Whoever has it must close it.

    Making one blocks: it looks at the system and the disk.

    Raises: ToolError when the sandbox must have walls, and this system has none.
    """

    def __init__(self, sandbox: Sandbox | Narrow, command: Sequence[str], root: Path, seconds: float) -> None:
        found = walls()
        if sandbox.is_required and not found:
            raise ToolError("no command can be run: it must be confined, and this system has nothing to do that with")
        plan = sandbox.plan(root, seconds, found) | {"parent": os.getpid()}
        self.ends_with_its_keeper = bool(plan["namespaces"])
        self._heard, report = os.pipe()
        os.set_blocking(self._heard, False)
        self.inherited = [report]
        plan["report"] = report
        try:
            self.command = self._caged(plan, command, found.bubblewrap)
        except BaseException:
            self.close()
            raise

    def _caged(self, plan: dict[str, Any], command: Sequence[str], bubblewrap: str | None) -> list[str]:
        if bubblewrap is None or not plan["apart"]:
            return self._program(plan, command)
        # Bubblewrap's own first process is the parent inside.
        inside = self._program(plan | {"parent": 1}, command) if plan["landlock"] else command
        return self._program(plan | _OUTSIDE, wrapped(bubblewrap, plan, inside))

    def _program(self, plan: dict[str, Any], command: Sequence[str]) -> list[str]:
        text = marshal.dumps(plan)
        if len(text) > _LARGEST:
            raise ToolError("the sandbox has too many places that are hidden or can be written")
        ours, theirs = os.pipe()
        self.inherited.append(ours)
        os.write(theirs, text)
        os.close(theirs)
        return [sys.executable, "-I", "-S", str(CAGE), str(ours), *command]

    def heard(self) -> tuple[str, str]:
        """What became of the command, "killed" or "refused", and why; nothing when it ended by itself."""
        try:
            what, _, why = os.read(self._heard, 65536).decode(errors="replace").partition("\n")
        except BlockingIOError:
            return "", ""
        return what, why

    def close(self) -> None:
        """Let go of the pipes."""
        for descriptor in (self._heard, *self.inherited):
            with suppress(OSError):
                os.close(descriptor)
