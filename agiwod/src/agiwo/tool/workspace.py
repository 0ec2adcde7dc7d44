"""A directory that tools may not leave, whatever path they are given. Knows files and directories; knows no model."""

import os
import secrets
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from agiwo.errors import ToolError
from agiwo.tool.base import BaseTool
from agiwo.tool.sandbox.places import is_kept
from agiwo.tool.sandbox.sandbox import Sandbox

_LENGTH = 4096
"""Characters of a path; systems know no longer ones, though a walk through directories would not notice."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Workspace:
    """The files below one directory, the current one unless another is given, as far as a sandbox lets tools at them.

    A link inside may point to another place inside. Each directory on the way is opened from the one above it without
    following links, so a link that is put there after the check leads nowhere either.

    Its methods block, and raise ToolError, in words for the model, when something is not there or not allowed. With
    `make` the directory is made, for its owner alone, when a tool first needs it.
    """

    def __init__(self, root: str | Path | None = None, *, make: bool = False, sandbox: Sandbox | None = None) -> None:
        self._root, self._make = Path(root or ".").expanduser().resolve(), make
        self.sandbox = sandbox or Sandbox()

    @property
    def root(self) -> Path:
        """The directory."""
        if self._make:
            try:
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise ToolError(f"the workspace cannot be made: {error.strerror or error}") from None
        return self._root

    def locate(self, path: str) -> Path:
        """Where a path leads, relative to the root and free of links and dots. Nothing need be there."""
        if len(path) > _LENGTH:
            raise ToolError(f"{_shown(path)} is longer than a path may be")
        try:
            found = (self.root / path).resolve()
        except (OSError, RuntimeError, ValueError):  # a link that leads to itself, a name with a zero byte
            raise ToolError(f"{_shown(path)} is not a path that can be followed") from None
        if not found.is_relative_to(self.root):
            raise ToolError(f"{_shown(path)} is outside of the workspace; give a path relative to it")
        if self.sandbox.hides(found, self.root):
            raise ToolError(f"{_shown(path)} is a place of secrets, which no tool is shown")
        return found.relative_to(self.root)

    def writable(self, path: str) -> Path:
        """The same for a place that can be written."""
        place = self.locate(path)
        if not self.sandbox.can_write:
            raise ToolError(f"{_shown(path)} cannot be written: the sandbox is read-only")
        if self.sandbox.has_walls and is_kept(place.parts) and not self.sandbox.lifts(self.root / place):
            raise ToolError(f"{_shown(path)} says what other programs run, and stays as it is")
        return place

    def require_directory(self, path: str) -> Path:
        """The same for a directory that is there."""
        place = self.locate(path)
        if not (self.root / place).is_dir():
            is_file = (self.root / place).exists()
            raise ToolError(f"{_shown(path)} is a file and not a directory" if is_file else self._missing(path, place))
        return place

    @contextmanager
    def reading(self, path: str) -> Generator[BinaryIO]:
        """The regular file at that path, open for reading. A pipe or a device, which could block, is refused."""
        place = self.locate(path)
        with self._faults(path, place), self._parent(place) as parent:
            # "." stands for the root, which is refused as a directory.
            descriptor = os.open(place.name or ".", _READ, dir_fd=parent)
            try:
                _require_regular(descriptor, path)
            except ToolError:
                os.close(descriptor)
                raise
            with os.fdopen(descriptor, "rb") as file:
                yield file

    @contextmanager
    def looking(self, path: str, *below: str) -> Generator[int]:
        """The directory at that path, or the one that these names lead to from there, none of which is a link."""
        place = self.locate(path).joinpath(*below)
        with self._faults(path, place), self._parent(place / "any") as directory:
            yield directory

    def replace(self, path: str, content: bytes) -> bool:
        """Put a file there with this content, all of it or nothing; True when there was none before.

        Directories on the way are made. A file that was there keeps its mode.
        """
        place = self.writable(path)
        if not place.name:
            raise ToolError(f"{_shown(path)} is the workspace itself; give the name of a file")
        with self._faults(path, place), self._parent(place, make=True) as parent:
            mode = _mode_of(place.name, parent, path)
            temporary = f".{place.name[:100]}.{secrets.token_hex(4)}.tmp"
            try:
                _write(temporary, parent, content, mode)
                os.replace(temporary, place.name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=parent)
                raise
        return mode is None

    @contextmanager
    def _parent(self, place: Path, *, make: bool = False) -> Generator[int]:
        directory = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in place.parts[:-1]:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=directory)
                below = os.open(part, _DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = below
            yield directory
        finally:
            os.close(directory)

    @contextmanager
    def _faults(self, path: str, place: Path) -> Generator[None]:
        try:
            yield
        except FileNotFoundError:
            raise ToolError(self._missing(path, place)) from None
        except OSError as error:
            raise ToolError(f"{_shown(path)}: {error.strerror or error}") from None

    def _missing(self, path: str, place: Path) -> str:
        """That there is nothing, and what there is instead: the model most likely has the name a little wrong."""
        above = place
        while above != above.parent and not (self.root / above).is_dir():
            above = above.parent
        with suppress(OSError):
            names = sorted(os.listdir(self.root / above))
            if names:
                more = f" and {len(names) - 20} more" if len(names) > 20 else ""
                return f"there is no {_shown(path)}; in {str(above)!r} there is: {', '.join(names[:20])}{more}"
        return f"there is no {_shown(path)}"


class WorkspaceTool(BaseTool):
    """A tool that works on the files of one workspace."""

    def __init__(self, workspace: Workspace | str | Path | None = None) -> None:
        self.workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)

    def policy_arguments(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """With the path as where it leads, so that no other way to write it gets around a rule."""
        return located(self.workspace, arguments)


def located(workspace: Workspace, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments with the path as where it leads."""
    try:
        return {**arguments, "path": workspace.locate(arguments.get("path", ".")).as_posix()}
    except ToolError:
        return arguments  # it leads nowhere, and the call will say so


def _shown(path: str) -> str:
    return repr(path if len(path) <= 200 else f"{path[:200]}…")


def _require_regular(descriptor: int, path: str) -> None:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise ToolError(f"{_shown(path)} is a directory; list_files shows what is in it")
    if not stat.S_ISREG(mode):
        raise ToolError(f"{_shown(path)} is not a regular file")


def _mode_of(name: str, parent: int, path: str) -> int | None:
    """The permissions of the file that is there; None when there is none."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise ToolError(f"{_shown(path)} is not a regular file")
    return stat.S_IMODE(found.st_mode)


def _write(name: str, parent: int, content: bytes, mode: int | None) -> None:
    with os.fdopen(os.open(name, _CREATE, 0o666, dir_fd=parent), "wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
