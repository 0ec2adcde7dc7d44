"""Every journal there is, fresh and closed afterwards: for suites that must hold over all of them."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import pytest
from agiwo.journal import JOURNALS, open_journal
from agiwo.journal.base import Journal

KINDS: Final[dict[str, dict[str, Any]]] = {
    "memory": {"kind": "memory"},
    "sqlite-normal": {"kind": "sqlite", "durability": "normal"},
    "sqlite-full": {"kind": "sqlite", "durability": "full"},
    "mongodb": {"kind": "mongodb"},
    "mongodb-shared": {"kind": "mongodb", "shared": True},
}
"""What is tested: each registered journal, in each way it can be opened."""


def config_of(name: str, folder: Path) -> dict[str, Any]:
    """What `open_journal` takes to open this one; the same folder gives the same journal, if it is on disk."""
    config = dict(KINDS[name])
    if config["kind"] == "sqlite":
        config["db_path"] = folder / "journal.db"
    if config["kind"] == "mongodb":
        from mongo_lab import database_of  # which starts a server

        config |= database_of(folder)
    return config


def kinds() -> list[Any]:
    """Each kind as a parameter of a test, with the marker that it needs."""
    return [
        pytest.param(kind, marks=pytest.mark.mongo) if kind.startswith("mongodb") else kind for kind in sorted(KINDS)
    ]


@pytest.fixture(params=kinds())
async def any_journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Journal]:
    """An empty journal; the test runs once for each kind."""
    journal = await open_journal(**config_of(request.param, tmp_path))
    yield journal
    await journal.close()


def untested_kinds() -> set[str]:
    """Registered journals that the suites do not run over."""
    return set(JOURNALS) - {config["kind"] for config in KINDS.values()}
