"""An interpreter of its own for what we are measured against, so that nothing of it is in our workspace."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

INSTALLING = 300.0
"""Seconds that the package index may take."""


def interpreter_with(name: str, requirements: Sequence[str], *options: str) -> Path | None:
    """The interpreter that has them, installed on first use in this user's cache; None when that cannot be.

    `name` changes whenever the requirements do: what was installed under it is taken as it is.
    """
    home = user_cache_path("agiwod-bench") / f"{name}-py{sys.version_info.major}{sys.version_info.minor}"
    python, done = home / "bin" / "python", home / "installed"
    if done.exists():
        return python
    commands = (
        ["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
        ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *options, *requirements],
    )
    try:
        for command in commands:
            subprocess.run(command, check=True, timeout=INSTALLING, cwd=Path.home())
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{name} cannot be installed, so nothing is compared with it: {error}", file=sys.stderr)
        return None
    done.touch()
    return python
