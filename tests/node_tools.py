"""Programs from npm, with a Node that is new enough, installed on first use in this user's cache. Runs none of them."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from platformdirs import user_cache_path

INSTALLING = 300.0
"""Seconds that the package index may take."""


@dataclass(frozen=True)
class NodeTools:
    """Where the programs are, and the environment in which they find their own Node."""

    home: Path

    @property
    def env(self) -> dict[str, str]:
        node = self.home / "node_modules" / "node" / "bin"
        return {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}

    def program(self, name: str) -> str:
        return str(self.home / "node_modules" / ".bin" / name)


def node_tools(name: str, *packages: str) -> NodeTools:
    """The programs of these packages; `name` changes when they do. Where they cannot be had, the test is skipped."""
    home = user_cache_path("agiwod-node") / name
    if not (home / "installed").exists():
        _install(home, packages)
    return NodeTools(home)


def _install(home: Path, packages: tuple[str, ...]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on this machine; it comes with Node, and is needed for what is tried here")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), *packages]
    try:
        subprocess.run(command, check=True, timeout=INSTALLING, cwd=home, capture_output=True, text=True)
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", "") or ""
        pytest.skip(f"npm cannot install {' '.join(packages)}: {error}\n{said[-2000:]}")
    (home / "installed").touch()
