"""What all tests share: the event loop they run on, and the processes that the whole run is spread over."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True)  # the same examples on every machine
settings.load_profile("same")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Every core for the whole run; none for a part of it, which begins sooner in this process."""
    is_whole = config.args == config.getini("testpaths")
    return min(os.cpu_count() or 1, 4) if is_whole and not config.option.collectonly else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logged may hold half a surrogate pair, which no report that goes to another process can."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report
