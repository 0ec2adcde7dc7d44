"""Many stored runs: what a daemon is asked for takes as long with them as with few, and so does its own start."""

import sys
from pathlib import Path

import pytest
from figures import Figures

sys.path[:0] = [str(Path(__file__).parent)]

from stored_runs import ratios

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]


@pytest.mark.timeout(1200)
async def test_with_three_thousand_stored_runs_everything_is_as_quick_as_with_a_hundred(
    tmp_path: Path, figures: Figures
) -> None:
    for what, (few, many) in (await ratios(tmp_path, 100, 3000)).items():
        # A list that passes over all that is stored would be some thirty times as slow.
        figures(f"{what}, with thirty times as many runs", many / few, "times", at_most=8)
