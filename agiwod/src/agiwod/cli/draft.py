"""A copy of a file that is edited in the place of the file. Does not know what makes a good one."""

import os
import shutil
import sys
from pathlib import Path

from agiwo_protocol.paths import own_directory

from agiwod.cli.editing import edit
from agiwod.cli.failure import CommandFailed


class Draft:
    """The file as it may become. It stands beside the file, so that relative paths in it mean the same."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.path = file.with_suffix(".draft.toml")

    def edit(self) -> bool:
        """Let the user edit; whether the text differs from the file's. A draft that was left is gone on with.

        Raises:
            CommandFailed: there is no editor, or it failed; the file is as before.
        """
        own_directory(self._file.parent)
        before = self._file.read_bytes() if self._file.exists() else b""
        if self.path.exists():
            print(f"going on with {self.path}, which was left when it could not be used", file=sys.stderr)
        else:
            with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as draft:
                draft.write(before)
        edit(self.path, otherwise="the settings are as before")
        if not self.path.is_file():
            raise CommandFailed(f"the editor has left no file at {self.path}; the settings are as before")
        if self.path.read_bytes() != before:
            return True
        self.path.unlink()
        return False

    def accept(self) -> None:
        """Make the draft the file, all at once. A link stays a link, and the file keeps its mode."""
        target = self._file.resolve()
        new = target.with_name(f".{target.name}.new")
        new.touch(mode=0o600)  # it may hold secrets from its first moment on
        shutil.copyfile(self.path, new)
        shutil.copymode(target if target.exists() else self.path, new)
        os.replace(new, target)
        self.path.unlink()
