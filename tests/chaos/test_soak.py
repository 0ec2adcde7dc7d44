"""The life of the soak for three quarters of a minute; the long one is the command `tests/chaos/soak.py`."""

import sys
from pathlib import Path

import pytest
from figures import Figures

sys.path[:0] = [str(Path(__file__).parent)]

from soak import bounds, soak

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="a process is looked at in /proc")


@only_linux
@pytest.mark.timeout(300)
async def test_a_daemon_in_a_mixed_life_holds_no_more_after_a_while(tmp_path: Path, figures: Figures) -> None:
    verdict = await soak(tmp_path, 45)
    assert verdict.wrong == []
    assert verdict.unexplained == []
    figures("runs of the soak", verdict.runs, at_least=20)
    for what, value, unit, most in bounds(verdict):
        figures(what, value, unit, at_most=most)
