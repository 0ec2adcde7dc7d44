"""Daemons that begin in no time: each is forked from one process that has loaded what a daemon loads.

    python forked_daemons.py

reads a line of JSON for each thing to do, and answers with a line: `{"home": …, "environment": {…}, "says": …}` begins
`agiwod serve` in a process of its own, whose pid is the answer, and which says what it says to the file `says`;
`{"wait": PID}` answers with the code that this one ended with, once it has.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

PATIENCE: Final = 180.0
"""Seconds after which something that should happen does not."""

_LOADED: Final = (
    "agiwo.agent",
    "agiwo.engine.embedded",
    "agiwo.llm.scripted",
    "agiwo.loop.loop",
    "agiwo.testing",
    "agiwod.cli.foreground",
    "agiwod.cli.tree",
    "agiwod.face.rpc.face",
    "jsonschema",
    "yaml",
)
"""What a daemon loads before its first run has ended."""


class ForkedDaemon:
    """A daemon's process, from its beginning to its end."""

    def __init__(self, forks: "Forks", home: Path, pid: int, said: asyncio.StreamReader) -> None:
        self.home, self.pid = home, pid
        self._forks, self._said, self._first = forks, said, b""

    async def is_ready(self) -> bool:
        """Whether it serves, once it does or has ended."""
        async with asyncio.timeout(PATIENCE):
            self._first = await self._said.readline()
        return b"serves at" in self._first

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    async def end(self) -> tuple[int, str]:
        """Once it has ended: its exit code, the negative of a signal that ended it, and all that it said."""
        async with asyncio.timeout(PATIENCE):
            said = self._first + await self._said.read()
        return self._forks.ask(wait=self.pid), said.decode()


class Forks:
    """The process that daemons are forked from."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    async def start(self, home: Path, **environment: str) -> ForkedDaemon:
        """A daemon that begins to live at `home`."""
        says = home / "says"
        says.unlink(missing_ok=True)
        os.mkfifo(says)
        reading = os.open(says, os.O_RDONLY | os.O_NONBLOCK)
        pid = self.ask(home=str(home), environment=environment, says=str(says))
        said = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(said)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", 0))
        return ForkedDaemon(self, home, pid, said)

    def ask(self, **wanted: Any) -> int:
        """The answer to one line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(wanted), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


@contextmanager
def forking() -> Generator[Forks]:
    """Where daemons come from; those that still live at the end are killed."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, __file__], stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield Forks(process)
        finally:
            process.stdin.close() if process.stdin else None
            process.wait(PATIENCE)


def _fork(home: str, environment: Mapping[str, str], says: str) -> int:
    saying = os.open(says, os.O_WRONLY)
    pid = os.fork()
    if not pid:
        _serve(home, environment, saying)
    os.close(saying)
    return pid


def _serve(home: str, environment: Mapping[str, str], saying: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor, own in enumerate((nothing, nothing, saying)):
        os.dup2(own, descriptor)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ.update(environment, AGIWOD_HOME=home)
    from agiwo import failpoint

    failpoint.arm(environment.get("AGIWOD_FAILPOINT", ""))
    sys.argv = ["agiwod", "serve"]
    from agiwod.cli.entry import run

    code = 1
    try:
        code = run()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    """Fork until there is nothing more to do."""
    for name in _LOADED:
        import_module(name)
    living = set[int]()
    for line in sys.stdin:
        wanted = json.loads(line)
        if "wait" in wanted:
            answer = _wait(wanted["wait"])
            living.discard(wanted["wait"])
        else:
            answer = _fork(**wanted)
            living.add(answer)
        print(answer, flush=True)
    for pid in living:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
