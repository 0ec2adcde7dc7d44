"""What the suite of the traces runs on: a lab in memory, and agents that are closed when the test is over."""

from collections.abc import AsyncGenerator

import pytest
from agiwo.journal.memory import MemoryJournal
from engine_lab import Lab, open_lab


@pytest.fixture
async def lab() -> AsyncGenerator[Lab]:
    """A lab over a journal in memory."""
    async with open_lab(MemoryJournal()) as lab:
        yield lab
