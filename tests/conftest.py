"""What all tests share: the event loop they run on."""

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True)  # the same examples on every machine
settings.load_profile("same")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
