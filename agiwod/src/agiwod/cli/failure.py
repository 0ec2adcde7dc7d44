"""How a command fails: what happened, what to do next, and an exit code. Never a traceback. Standard library only."""

import sys
from enum import IntEnum
from typing import Final

DOCTOR: Final = "`agiwod doctor` looks for what is wrong"
"""What to do when a command cannot know."""


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_DAEMON = 3
    NEEDS_APPROVAL = 4
    INTERRUPTED = 130


class CommandFailed(Exception):
    """A command cannot do what it was asked. `hint` says what the user can do about it."""

    def __init__(self, message: str, *, hint: str | None = None, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message, self.hint, self.code = message, hint, code

    def report(self) -> int:
        """Say it on stderr; return the exit code."""
        lines = [*f"agiwod: {self.message}".splitlines(), *([self.hint] if self.hint else [])]
        print("\n  ".join(line.strip() for line in lines), file=sys.stderr)
        return int(self.code)
