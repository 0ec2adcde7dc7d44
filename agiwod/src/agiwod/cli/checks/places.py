"""Directories and files: whose they are, who may read them, and whether there is room. Changes nothing.

A file is written and removed again where the runs are kept: a full or broken disk shows only when it is used.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agiwod.cli.checks.finding import Finding, Patient, fault, ok, warning

_SCARCE, _LITTLE = 50_000_000, 500_000_000
"""Bytes free below which the daemon will soon stop taking runs, and below which somebody should look."""

_PROBE: Final = bytes(65_536)
"""What is written to see whether it can be."""

_OTHERS, _OTHERS_WRITE = 0o077, 0o022

_OWN_DIRECTORY, _OWN_FILE = 0o700, 0o600
"""What an owner needs. Asked of the mode as well, since the system lets root pass whatever the mode says."""


def check_places(patient: Patient) -> Iterator[Finding]:
    """The directories, and the files in them that matter."""
    paths = patient.paths
    yield _of("config dir", paths.config_dir, _OTHERS_WRITE)
    yield _of("data dir", paths.data_dir, _OTHERS)
    yield _of("state dir", paths.state_dir, _OTHERS)
    yield _of("socket dir", paths.socket.parent, _OTHERS)
    for name, file, forbidden in (
        ("config file", paths.config_file, _OTHERS_WRITE),
        ("token", paths.token_file, _OTHERS),
        ("log", paths.log_file, _OTHERS),
        ("journal", paths.data_dir / "agiwod.db", _OTHERS_WRITE),
    ):
        if file.exists() or file.is_symlink():
            yield _of(name, file, forbidden)


def check_room(patient: Patient) -> Iterator[Finding]:
    """The disks under data and state, which may be two."""
    for name, directory in (("data", patient.paths.data_dir), ("state", patient.paths.state_dir)):
        there = _nearest(directory)
        free = shutil.disk_usage(there).free
        size = f"{free // 1_000_000} MB free at {there}"
        if free < _SCARCE:
            yield fault(f"{name} disk", f"there is no room: {size}", "make room; suspended runs go on by themselves")
        elif free < _LITTLE:
            yield warning(f"{name} disk", f"there is little room: {size}", "make room")
        else:
            yield _written(f"{name} disk", there, size)


def _of(name: str, path: Path, forbidden: int) -> Finding:
    """How a place is that only its owner may use as far as `forbidden` goes. That of the socket may not be a link."""
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            return fault(name, f"{path} is a link to nowhere", f"make {path.readlink()}, or remove the link: rm {path}")
        return ok(name, f"{path} is not there yet; the daemon makes it")
    except OSError as error:
        return fault(name, f"{path}: {error.strerror}", "put it right, or choose another place with AGIWOD_HOME")
    wanted, needed = ("directory", _OWN_DIRECTORY) if name.endswith("dir") else ("file", _OWN_FILE)
    is_misplaced = name == "socket dir" and path.is_symlink()
    if is_misplaced or stat.S_IFMT(found.st_mode) != (stat.S_IFDIR if wanted == "directory" else stat.S_IFREG):
        return fault(name, f"{path} is no {wanted}", f"move it away: mv {path} {path}.old")
    if found.st_uid != os.getuid():
        return fault(name, f"{path} belongs to user {found.st_uid}, not to you", f"sudo chown -R $USER {path}")
    return _moded(name, path, stat.S_IMODE(found.st_mode), needed, forbidden)


def _moded(name: str, path: Path, mode: int, needed: int, forbidden: int) -> Finding:
    todo = f"chmod {(mode | needed) & ~forbidden:o} {path}"
    if mode & forbidden:
        return fault(name, f"{path} is open to others (mode {mode:04o})", todo)
    if mode & needed != needed:
        return fault(name, f"{path} is closed to its owner, at least in part (mode {mode:04o})", todo)
    if not os.access(path, os.R_OK | os.W_OK):
        return fault(name, f"{path} cannot be read and written, whatever its mode says", "look at the disk's mount")
    return ok(name, f"{path} (mode {mode:04o})")


def _written(name: str, directory: Path, size: str) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(_PROBE)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return fault(name, f"{directory} cannot be written to: {error.strerror}", "look at the disk and its quota")
    return ok(name, size)


def _nearest(path: Path) -> Path:
    """The path itself, or what is there of the way to it."""
    return next(each for each in (path, *path.parents) if each.is_dir())
