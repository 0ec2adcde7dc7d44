import platform
import subprocess
import sys

import pytest

BURST = """\
import sys
from pathlib import Path
from agiwod.memory import give_memory_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4

if sys.argv[1] == "give":
    give_memory_back()
large = bytearray(24 << 20)
before = resident()
del large
blocks = [bytearray(2 << 20) for _ in range(30)]
last = [bytearray(1000) for _ in range(1000)]
del blocks
print(resident() - before)
"""


def kept_after_a_burst(how: str) -> float:
    """MiB that a process has grown by, 60 MiB of which it has freed."""
    ran = subprocess.run([sys.executable, "-c", BURST, how], capture_output=True, text=True, check=True)
    return int(ran.stdout) / 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give memory back of themselves")
def test_what_a_burst_took_is_given_back() -> None:
    assert kept_after_a_burst("give") < 10 < 30 < kept_after_a_burst("keep")
