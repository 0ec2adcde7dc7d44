"""kill -9 at random moments of a tree of thirty agents: the next process ends it as if nothing had happened."""

import subprocess
import sys

import killed_family
import pytest

pytestmark = [pytest.mark.kill, pytest.mark.timeout(3600)]

POINTS = 10
"""`python tests/killed_family.py 100` takes as many as one likes."""


def test_a_family_that_is_killed_anywhere_loses_nothing_and_does_nothing_twice_that_may_be_done_once() -> None:
    command = [sys.executable, killed_family.__file__, str(POINTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{POINTS} killed" in done.stdout
