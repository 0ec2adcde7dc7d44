"""What the suite of the traces runs on: a lab in memory, and agents that are closed when the test is over."""

import threading
from collections.abc import AsyncGenerator, Generator

import pytest
from agiwo.journal.memory import MemoryJournal
from engine_lab import Lab, open_lab


@pytest.fixture
async def lab() -> AsyncGenerator[Lab]:
    """A lab over a journal in memory."""
    async with open_lab(MemoryJournal()) as lab:
        yield lab


@pytest.fixture(autouse=True)
def no_sender_outlives_its_test() -> Generator[None]:
    """What a sender that was given up still has to say is not said in the test that follows."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("otlp"):
            thread.join(10)
