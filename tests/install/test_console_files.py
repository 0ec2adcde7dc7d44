"""The console's files are in what is built: a wheel takes all of its packages that git knows, and excludes nothing."""

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONSOLE = "agiwod/src/agiwod/face/console"


def test_every_file_of_the_console_is_one_that_a_wheel_takes():
    files = {each for each in (ROOT / CONSOLE).rglob("*") if each.is_file() and "__pycache__" not in each.parts}
    command = ["git", "check-ignore", "--no-index", *map(str, files)]
    ignored = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ignored.stdout, {each.suffix for each in files}) == ("", {".py", ".js", ".css", ".svg", ".html"})
    build = tomllib.loads((ROOT / "agiwod" / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build == {"targets": {"wheel": {"packages": ["src/agiwo", "src/agiwod"]}}}
