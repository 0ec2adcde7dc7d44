"""A Neovim that needs no root: the one on the machine, else Debian's, unpacked into this user's cache."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from platformdirs import user_cache_path

_DOWNLOADING = 300.0
"""Seconds that Debian's mirrors may take."""


@dataclass(frozen=True)
class Neovim:
    """The program, and the variables with which it finds what it came with."""

    program: str
    env: dict[str, str] = field(default_factory=dict[str, str])


def neovim() -> Neovim:
    """A Neovim. Where none can be had, the test is skipped."""
    found = shutil.which("nvim")
    if found:
        return Neovim(found)
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("nvim is not on this machine, which is no Debian either; install Neovim to run this")
    home = user_cache_path("agiwod-neovim")
    if not (home / "installed").exists():
        _unpack(home)
    libraries = {str(each.parent) for each in home.glob("usr/lib/**/*.so*") if "/lua/" not in str(each)}
    runtime = home / "usr" / "share" / "nvim" / "runtime"
    return Neovim(
        str(home / "usr" / "bin" / "nvim"), {"LD_LIBRARY_PATH": ":".join(libraries), "VIMRUNTIME": str(runtime)}
    )


def _unpack(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        planned = _run(home, "apt-get", "install", "--simulate", "--no-install-recommends", "neovim")
        wanted = [line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")]
        _run(home, "apt-get", "download", *wanted)
        for package in home.glob("*.deb"):
            _run(home, "dpkg-deb", "--extract", str(package), str(home))
            package.unlink()
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", "") or ""
        pytest.skip(f"Debian's Neovim cannot be had: {error}\n{said[-2000:]}")
    (home / "installed").touch()


def _run(home: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        check=True,
        timeout=_DOWNLOADING,
        cwd=home,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    return done.stdout
