"""What the engine's suite runs on: a lab over each journal that an engine can stand on."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from agiwo.journal import open_journal
from engine_lab import Lab, open_lab

ENGINES = {
    "embedded-memory": {"kind": "memory"},
    "embedded-sqlite": {"kind": "sqlite"},
}
"""The engines under test: each is a journal with the embedded engine over it. Temporal has a suite of its own."""


@pytest.fixture(params=sorted(ENGINES))
def engine_kind(request: pytest.FixtureRequest) -> str:
    """The name of an engine; the test runs once for each."""
    return request.param


@pytest.fixture
def engine_options() -> dict[str, Any]:
    """What the engine is made with; a test that needs something else parametrises this."""
    return {}


@pytest.fixture
async def lab(engine_kind: str, tmp_path: Path, engine_options: dict[str, Any]) -> AsyncGenerator[Lab]:
    """A lab over this engine."""
    config = dict(ENGINES[engine_kind])
    if config["kind"] == "sqlite":
        config["db_path"] = str(tmp_path / "journal.db")
    journal = await open_journal(**config)
    async with open_lab(journal, **engine_options) as lab:
        yield lab
    await journal.close()
