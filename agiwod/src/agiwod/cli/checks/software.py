"""The versions that are at work. Knows which of them are known to be bad."""

import platform
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version

from agiwod.cli.checks.finding import Finding, Patient, ok, warning

_RACE_BEGINS, _RACE_ENDS = (3, 7, 0), (3, 51, 3)
_BACKPORTS = {(3, 44): 6, (3, 50): 7}
"""SQLite's WAL-reset bug (https://sqlite.org/wal.html#walresetbug): where it is, and where it was mended later."""


def check_software(patient: Patient) -> Iterator[Finding]:
    """Python, ourselves, and the SQLite that Python is linked with."""
    yield ok("python", f"{platform.python_version()} ({platform.platform()})")
    own = version("agiwod")
    running = own if patient.status is None else patient.status["version"]
    if running == own:
        yield ok("agiwod", own)
    else:
        yield warning("agiwod", f"this is {own}, and the running daemon is {running}", "`agiwod restart`")
    if has_race(sqlite3.sqlite_version_info):
        yield warning(
            "sqlite",
            f"{sqlite3.sqlite_version} has the WAL-reset bug, which may damage a file that several programs write",
            "agiwod avoids it: open agiwod.db with nothing else, or use a Python with SQLite 3.51.3 or newer",
        )
    else:
        yield ok("sqlite", sqlite3.sqlite_version)


def has_race(found: tuple[int, ...]) -> bool:
    """Whether that version of SQLite has the bug."""
    mended = _BACKPORTS.get((found[0], found[1]))
    return _RACE_BEGINS <= found < _RACE_ENDS and (mended is None or found[2] < mended)
