"""Programs of Debian that need no root: unpacked into this user's cache. Installs nothing, and runs none of them."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from platformdirs import user_cache_path

_DOWNLOADING = 300.0
"""Seconds that Debian's mirrors may take."""


def unpacked(package: str) -> Path:
    """Where the package is, with all that it depends on and this machine lacks. Else the test is skipped."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip(f"{package} is not on this machine, which is no Debian either; install it to run this")
    home = user_cache_path(f"agiwod-{package}")
    home.mkdir(parents=True, exist_ok=True)
    with open(home.with_suffix(".lock"), "w") as lock:  # one process unpacks, and the others wait for it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "installed").exists():
            _unpack(home, package)
    return home


def libraries(home: Path) -> str:
    """The directories of the libraries that came with a package, as `LD_LIBRARY_PATH` wants them."""
    return ":".join(sorted({str(each.parent) for each in home.glob("**/lib/**/*.so*") if "/lua/" not in str(each)}))


def _unpack(home: Path, package: str) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        _download(home, package)
        for each in home.glob("*.deb"):
            _run(home, "dpkg-deb", "--extract", str(each), str(home))
            each.unlink()
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", "") or ""
        pytest.skip(f"Debian's {package} cannot be had: {error}\n{said[-2000:]}")
    (home / "installed").touch()


def _download(home: Path, package: str) -> None:
    """From the lists of packages that the machine has, or else from new ones: a fresh machine has none."""
    lists = home / "lists"
    own = ("-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={lists}")
    try:
        _download_known(home, package)
    except subprocess.CalledProcessError:
        (lists / "partial").mkdir(parents=True)
        _run(home, "apt-get", *own, "update")
        _download_known(home, package, *own)
        shutil.rmtree(lists)


def _download_known(home: Path, package: str, *options: str) -> None:
    planned = _run(home, "apt-get", *options, "install", "--simulate", "--no-install-recommends", package)
    wanted = [line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")]
    _run(home, "apt-get", *options, "download", *(wanted or [package]))


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
