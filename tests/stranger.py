"""A process of another user, which tries to speak with a daemon. Only root can make one."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
"""The user whom no file belongs to."""

IS_ROOT = os.getuid() == 0

_PATIENCE = 60.0

_SAYS = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
with socket.socket(socket.AF_UNIX) as line:
    line.connect(sys.argv[2])
    line.sendall(sys.stdin.buffer.read())
    while said := line.recv(65536):
        sys.stdout.buffer.write(said)
"""

_READS = """
import os, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
for path in sys.argv[2:]:
    try:
        os.listdir(path) if os.path.isdir(path) else os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        print(path)
    except OSError:
        pass
"""


@contextmanager
def open_directory() -> Generator[Path]:
    """A directory that every user can enter, as those that pytest makes are not."""
    with tempfile.TemporaryDirectory(prefix="agiwod-test-", dir="/tmp") as made:
        os.chmod(made, 0o755)
        yield Path(made)


async def says(socket: Path, words: bytes) -> tuple[bytes, str]:
    """What nobody hears who says these words at a socket, and what went wrong."""
    return await _as_nobody(_SAYS, str(socket), words=words)


async def reads(*paths: Path) -> list[Path]:
    """Those of the paths that nobody can open or list."""
    seen, complaint = await _as_nobody(_READS, *map(str, paths))
    assert not complaint
    return [Path(line) for line in seen.decode().splitlines()]


async def _as_nobody(program: str, *argv: str, words: bytes = b"") -> tuple[bytes, str]:
    # The program becomes nobody by itself: the interpreter may stand where nobody can start it.
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(NOBODY), *argv, stdin=pipe, stdout=pipe, stderr=pipe
    )
    async with asyncio.timeout(_PATIENCE):
        heard, complaint = await child.communicate(words)
    return heard, complaint.decode()
