"""The journal's file, as far as it can be judged from outside. Only reads, and only while no daemon uses it."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from agiwod.cli.checks.finding import Finding, Patient, fault, ok, warning

if TYPE_CHECKING:
    from agiwod.settings import StorageSettings

_ANSWER: Final = 3.0
"""Seconds for a database server to answer."""

_PATIENCE: Final = 20.0
"""Seconds for a check that reads the whole file; a large one takes longer, and is not worth the wait."""

_STEPS: Final = 10_000
"""Steps of SQLite's machine between looks at the clock."""


def check_journal(patient: Patient) -> Iterator[Finding]:
    """Whether the file is whole, and of a version that we know."""
    file = patient.paths.data_dir / "agiwod.db"
    if patient.settings and patient.settings.storage.kind == "mongodb":
        yield _reached(patient.settings.storage)
    elif patient.status is not None:
        yield ok("journal check", "left out while a daemon uses the file")
    elif not file.exists():
        yield ok("journal check", f"{file} is not there yet")
    else:
        yield _checked(file)


def _reached(storage: "StorageSettings") -> Finding:
    """Whether a journal could be opened in the database, found out by doing so."""
    import asyncio

    from agiwo.errors import AgiwoError, ConfigError
    from agiwo.journal.mongo_server import MongoServer, place_of

    from agiwod.stores import mongo_options

    options = mongo_options(storage)

    async def look() -> str:
        server = MongoServer(**options, patience=_ANSWER)
        try:
            await server.require_transactions()
            return await server.version()
        finally:
            await server.close()

    try:
        version = asyncio.run(look())
    except ConfigError as error:
        return fault("journal check", str(error), "do that, then `agiwod restart`")
    except AgiwoError as error:
        return fault("journal check", str(error), f"see that a server runs at {place_of(options['uri'])}")
    return ok("journal check", f"{place_of(options['uri'])}/{storage.db_name} answers, MongoDB {version}")


def _checked(file: Path) -> Finding:
    from agiwo.journal.schema import MIGRATIONS

    try:
        version, verdict = _examine(file)
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return warning("journal check", f"{file} is too large to be read in {_PATIENCE:.0f} s", "nothing")
        return fault("journal check", f"{file} cannot be read: {error}", "look at its mode and its disk")
    except sqlite3.DatabaseError as error:
        return _damaged(file, str(error))
    if verdict != "ok":
        return _damaged(file, verdict)
    if version > len(MIGRATIONS):
        todo = "use the version of agiwod that wrote it"
        return fault("journal check", f"{file} is of a newer version (schema {version})", todo)
    return ok("journal check", f"whole, schema {version}")


def _examine(file: Path) -> tuple[int, str]:
    db = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=1)
    try:
        deadline = time.monotonic() + _PATIENCE
        db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    finally:
        db.close()
    return version, verdict


def _damaged(file: Path, complaint: str) -> Finding:
    return fault(
        "journal check",
        f"{file} is damaged: {complaint}",
        f"restore it from a backup, or move it away to begin anew: mv {file} {file}.damaged",
    )
