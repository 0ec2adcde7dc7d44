"""What the suite of skills runs on: a lab in memory, which replays every prefix of what was recorded."""

from collections.abc import AsyncGenerator

import pytest
from agiwo.journal.memory import MemoryJournal
from engine_lab import Lab, open_lab


@pytest.fixture
async def lab() -> AsyncGenerator[Lab]:
    """A lab over a journal in memory."""
    async with open_lab(MemoryJournal()) as lab:
        yield lab
