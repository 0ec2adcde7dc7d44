"""What the scheduler's suite runs on: labs, and stores for schedulers."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from agiwo.journal import open_journal
from agiwo.journal.memory import MemoryJournal
from agiwo.scheduler import AgentStateStorageConfig
from engine_lab import Lab, open_lab


@pytest.fixture
async def lab() -> AsyncGenerator[Lab]:
    """A lab over a journal in memory."""
    async with open_lab(MemoryJournal()) as lab:
        lab.is_replayable = False
        yield lab


@pytest.fixture
async def replayed_lab() -> AsyncGenerator[Lab]:
    """The same; when the test is over all of it is done again, from each of its commits."""
    async with open_lab(MemoryJournal()) as lab:
        yield lab


@pytest.fixture(params=["memory", "sqlite"])
async def any_lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Lab]:
    """A lab over this journal; the test runs once for each."""
    config = {} if request.param == "memory" else {"db_path": tmp_path / "journal.db"}
    journal = await open_journal(request.param, **config)
    async with open_lab(journal) as lab:
        lab.is_replayable = False
        yield lab
    await journal.close()


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AgentStateStorageConfig:
    """Where a scheduler keeps its agents; the test runs once for each."""
    config = {} if request.param == "memory" else {"db_path": tmp_path / "scheduler.db"}
    return AgentStateStorageConfig(request.param, config)
