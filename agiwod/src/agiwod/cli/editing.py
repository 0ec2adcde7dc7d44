"""The user's editor at work on a file. Does not know what the file is for."""

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

from agiwo.config import variable

from agiwod.cli.failure import CommandFailed, ExitCode

_EDITORS: Final = ("sensible-editor", "nano", "vim", "vi")
"""What is tried when the user has named none."""


def edit(file: Path, *, otherwise: str) -> None:
    """Let the user edit the file, and return when the editor has ended.

    Raises:
        CommandFailed: there is no editor, or it failed; the message says what holds `otherwise`.
    """
    command = [*_editor(otherwise), str(file)]
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        raise CommandFailed(f"the editor {command[0]!r} cannot be started: {error.strerror}") from None
    if code != 0:
        raise CommandFailed(f"the editor {command[0]!r} ended with code {code}; {otherwise}")


def named_editor() -> str | None:
    """The editor that the user has named."""
    return variable("VISUAL") or variable("EDITOR")


def _editor(otherwise: str) -> list[str]:
    named = named_editor()
    if named:
        return _words(named, otherwise)
    found = next((path for name in _EDITORS if (path := shutil.which(name))), None)
    if found is None:
        raise CommandFailed("there is no editor", hint="name one in VISUAL or EDITOR", code=ExitCode.USAGE)
    return [found]


def _words(command: str, otherwise: str) -> list[str]:
    """A command line as the shell would read it, as far as that goes without one."""
    try:
        return shlex.split(command)
    except ValueError as error:
        named = f"VISUAL or EDITOR names no program: {command!r} ({error})"
        raise CommandFailed(named, hint=otherwise, code=ExitCode.USAGE) from None
