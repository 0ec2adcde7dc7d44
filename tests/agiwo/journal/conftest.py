"""What the tests of the journals share."""

import gc
import warnings
from collections.abc import Generator

import pytest


@pytest.fixture
def collected() -> Generator[None]:
    """What the driver of MongoDB leaves behind is collected while the warnings of that are not heard.

    These are the sockets of attempts that it gave up.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()
