"""The program that fetches packages here: pip, or uv where an environment has no pip. Knows no package.

What index it asks, and by which proxy, is its own affair and its user's.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_LOOK_AGAIN: Final = 0.1
"""Seconds between looks at what has come; a bar that moves ten times a second seems to move all the time."""

_STUBBORN: Final = {"PIP_RESUME_RETRIES": "20"}
"""How often pip goes on where a connection broke, where the user says nothing. uv begins such a file again."""


ELSEWHERE: Final = "/"
"""Where clients work, and not where the user is: uv takes the index that a file there names, be it a stranger's."""


@dataclass(frozen=True, slots=True)
class PackageClient:
    """Command lines. `fetch` lacks the directory to fetch into, and `install` too what is wanted.

    What `find` gives for a package's name tells links among other things; it reads the requirement from stdin. What
    `settings` gives tells the client's own.
    """

    name: str
    fetch: tuple[str, ...]
    install: tuple[str, ...]
    find: Callable[[str], tuple[str, ...]]
    settings: tuple[str, ...] = ()


def find_client() -> PackageClient | None:
    """The client to use: this environment's own pip, else uv, else somebody else's pip; None when there is none."""
    if find_spec("pip"):
        return _pip([sys.executable, "-P", "-m", "pip"])
    if uv := shutil.which("uv"):
        install = (uv, "pip", "install", "--quiet", "--python", sys.executable)
        compile = (uv, "pip", "compile", "--quiet", "--no-deps", "--only-binary", ":all:", "--format", "pylock.toml")
        find = (*compile, "--python", sys.executable, "-")
        return PackageClient("uv", (*install, "--target"), install, lambda _: find)
    foreign = next((path for name in ("pip3", "pip") if (path := shutil.which(name))), None)
    return None if foreign is None else _pip([foreign], "--python", sys.executable)


def run_client(command: Sequence[str], directory: Path, tell: Callable[[int], None]) -> int:
    """Run it and return its exit code; `tell` hears how many bytes it has brought into the directory so far.

    What it has to say goes to stderr. It ends when the caller is interrupted.
    """
    temporary = directory / "tmp"
    for left_behind in (temporary, *directory.glob("uv/.tmp*")):
        shutil.rmtree(left_behind, ignore_errors=True)
    temporary.mkdir()
    environ = {**_STUBBORN, **os.environ, "TMPDIR": str(temporary), "UV_CACHE_DIR": str(directory / "uv")}
    before = _size(directory)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=environ, cwd=ELSEWHERE) as child:
        try:
            while True:
                try:
                    return child.wait(_LOOK_AGAIN)
                except subprocess.TimeoutExpired:
                    tell(max(0, _size(directory) - before))
        finally:
            child.terminate()


def _pip(program: Sequence[str], *options: str) -> PackageClient:
    quiet = ("--disable-pip-version-check", "--quiet")
    return PackageClient(
        "pip",
        (*program, "download", *quiet, "--dest"),
        (*program, *options, "install", *quiet),
        lambda name: (*program, "index", "versions", "--disable-pip-version-check", "-vv", name),
        (*program, "config", "list"),
    )


def _size(directory: Path) -> int:
    """The bytes of all files below; one that goes away meanwhile counts nothing."""
    found = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                found += os.stat(os.path.join(folder, name), follow_symlinks=False).st_size
            except FileNotFoundError:
                continue
    return found
