"""What all tests share: the event loop they run on, the processes of the whole run, and the figures it ends with."""

import os
import signal
from collections.abc import Generator

import pytest
from figures import Figures, told
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)  # the same on every machine, however busy
settings.load_profile("same")

# Shells ignore Ctrl-C for what they run in the background, and all that is started from there would do so, too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    return Figures(request.node)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Every core for the whole run; none for a part of it, which begins sooner in this process."""
    is_whole = config.args == config.getini("testpaths")
    return min(os.cpu_count() or 1, 4) if is_whole and not config.option.collectonly else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long, unless it is asked for, also of the suites that have a name of their own."""
    if "soak" in config.option.markexpr:
        return
    long = [each for each in items if each.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=long)
    items[:] = [each for each in items if each not in long]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logged may hold half a surrogate pair, which no report that goes to another process can."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Every figure beside its bound."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    if lines := told(reports):
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(lines))
