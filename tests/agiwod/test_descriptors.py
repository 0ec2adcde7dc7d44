import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from agiwod.descriptors import descriptors_for
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(descriptors_for(wanted), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "room", "allowed"),
    [(100, 1000, 200, 200, 456), (100, 300, 200, 44, 300), (900, 1000, 200, 200, 900), (100, 200, 200, 1, 200)],
)
def test_as_many_files_may_be_open_as_clients_need_or_fewer_clients_come(
    soft: int, hard: int, wanted: int, room: int, allowed: int
) -> None:
    args = [sys.executable, "-c", PROGRAM, *map(str, (soft, hard, wanted))]
    done = subprocess.run(args, capture_output=True, text=True, check=True, timeout=180)
    assert done.stdout.split() == [str(room), str(allowed)]
