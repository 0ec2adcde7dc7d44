"""The lock on a data directory, with real processes."""

import subprocess
import sys
from pathlib import Path

import pytest
from agiwo.errors import Conflict
from agiwod.data_lock import data_lock

HOLDER = """
import sys
from pathlib import Path
from agiwod.data_lock import data_lock
with data_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_with_the_pid_of_the_first_until_that_dies(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", HOLDER, str(tmp_path / "data")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for _ in range(2):  # being refused must not blur who holds it
            with pytest.raises(Conflict) as refused, data_lock(tmp_path / "data"):
                pass
            assert refused.value.pid == holder.pid
            assert str(holder.pid) in str(refused.value)
        holder.kill()
        holder.wait(10)
    with data_lock(tmp_path / "data"):
        pass


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with data_lock(tmp_path / "a" / "data"):
        assert (tmp_path / "a" / "data").stat().st_mode & 0o777 == 0o700
