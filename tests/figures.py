"""What tests measure, each figure held against its bound, and all of them told at the end of the run."""

from dataclasses import dataclass
from math import inf

import pytest

PROPERTY = "figure"


@dataclass(frozen=True)
class Figures:
    """Takes the figures of one test, which fails at the first that is out of bounds. A test gets it as `figures`."""

    item: pytest.Item

    def __call__(
        self, what: str, measured: float, unit: str = "", *, at_most: float = inf, at_least: float = -inf
    ) -> None:
        """Note that `what` was `measured` (in `unit`), and fail the test unless it is within the bounds."""
        bounds = [f"at least {at_least:g}"] * (at_least > -inf) + [f"at most {at_most:g}"] * (at_most < inf)
        line = f"{what}: {measured:g}{unit and ' ' + unit} ({', '.join(bounds) or 'no bound'})"
        self.item.user_properties.append((PROPERTY, line))
        assert at_least <= measured <= at_most, line


def told(reports: list[pytest.TestReport]) -> list[str]:
    """The figures of these tests, each behind the name of its test, also of those that ran in other processes."""
    return [
        f"{report.nodeid.rpartition('::')[2]}: {line}"
        for report in reports
        for name, line in report.user_properties
        if name == PROPERTY
    ]
