"""What the scheduler's suite runs on: a lab over each journal, and schedulers over each store."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from agiwo.journal import open_journal
from agiwo.scheduler import AgentStateStorageConfig
from engine_lab import Lab, open_lab


@pytest.fixture(params=["memory", "sqlite"])
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Lab]:
    """A lab over this journal; the test runs once for each."""
    config = {} if request.param == "memory" else {"db_path": tmp_path / "journal.db"}
    journal = await open_journal(request.param, **config)
    async with open_lab(journal) as lab:
        yield lab
    await journal.close()


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AgentStateStorageConfig:
    """Where a scheduler keeps its agents; the test runs once for each."""
    config = {} if request.param == "memory" else {"db_path": tmp_path / "scheduler.db"}
    return AgentStateStorageConfig(request.param, config)
