"""A real daemon that is fuzzed: its ways in, and how it is doing meanwhile. Makes no frames and judges none."""

import http.client
import json
import os
import socket
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, get_args

from fuzz_frames import largest_frames
from fuzz_line import PATIENCE, Broken, FuzzedLine, Way, greeting
from terminal_lab import Home, home_at
from wire_line import line_to

CONFIG: Final = """\
default_agent = "quick"

[serve]
tcp = "127.0.0.1:0"
http = "127.0.0.1:0"

[agents.quick]
model = "scripted:quick.json"
"""

NO_MODEL: Final = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
"""What `auto` finds: a frame that defines an agent without a model is not to start the local one."""

WAYS: Final[tuple[Way, ...]] = get_args(Way)
_ACCEPT: Final = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


LATE: Final = 10.0
"""Seconds for a ping: milliseconds, or some tenths on a busy machine; a daemon that is kept busy takes minutes."""


@dataclass
class Stage:
    """The daemon of a home. Lines to it are opened when they are first used, and again when one is broken."""

    home: Home
    status: dict[str, Any]
    random: Random = field(default_factory=lambda: Random(0))
    _open: dict[Way, tuple[ExitStack, FuzzedLine]] = field(default_factory=dict[Way, tuple[ExitStack, FuzzedLine]])

    @property
    def pid(self) -> int:
        return self.status["pid"]

    @property
    def token(self) -> str:
        return Path(self.status["tokenFile"]).read_text().strip()

    def line(self, way: Way) -> FuzzedLine:
        """The line of that way, on which hands were shaken."""
        if way not in self._open:
            stack = ExitStack()
            line = stack.enter_context(self._connect(way))
            line.converse([greeting(self.token if way.startswith("tcp") else "")])
            self._open[way] = stack, line
        return self._open[way][1]

    def hang_up(self, way: Way | None = None) -> None:
        """End one line, or all of them."""
        for each in [way] if way else [*self._open]:
            if each in self._open:
                self._open.pop(each)[0].close()

    @contextmanager
    def _connect(self, way: Way) -> Generator[FuzzedLine]:
        is_framed = way.endswith("framed")
        if way.startswith("tcp"):
            host, _, port = str(self.status["tcp"]).rpartition(":")
            with socket.create_connection((host, int(port)), timeout=PATIENCE) as far:
                yield FuzzedLine(far.fileno(), far.fileno(), is_framed=is_framed, random=self.random)
            return
        with line_to(self.home, "stdio" if way.startswith("stdio") else "socket") as line:
            yield FuzzedLine(*line.ends, is_framed=is_framed, random=self.random)

    def post(self, body: bytes, **headers: str) -> tuple[int, bytes]:
        """What a request over HTTP to the MCP face is answered with.

        Raises:
            Broken: with nothing, or with an error of the daemon's own.
        """
        connection = http.client.HTTPConnection(self.status["http"], timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("POST", "/mcp", body, {"Authorization": f"Bearer {self.token}", **_ACCEPT, **named})
            answer = connection.getresponse()
            status, told = answer.status, answer.read(1 << 20)
        except (OSError, http.client.HTTPException) as error:
            raise Broken(f"a request over HTTP got no answer: {error!r}", [body]) from error
        finally:
            connection.close()
        if status >= 500:
            raise Broken(f"a request over HTTP was answered {status}: {told[:300]!r}", [body])
        return status, told

    def warm(self) -> None:
        """Have it load what it loads late, and take the largest frames once."""
        self.post(b"{}")
        for way in WAYS:
            self.line(way).converse(largest_frames())

    def ping_seconds(self) -> float:
        """How long a client of its own waits for the answer of a ping."""
        with self._connect("socket") as line:
            began = time.monotonic()
            line.converse([])
            return time.monotonic() - began

    def is_alive(self) -> bool:
        """Whether it is the process that began."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def cpu(self) -> float:
        """Seconds that it has worked."""
        spent = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """MiB that are its own."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    @property
    def log(self) -> bytes:
        """What it has logged."""
        return self.home.paths.log_file.read_bytes()

    def faults(self) -> list[str]:
        """What its log says of faults of its own, and of exceptions that nobody expected."""
        logged = map(json.loads, self.log.splitlines())
        return [each["event"] for each in logged if each["level"] == "error" or "Traceback" in str(each.get("error"))]


@contextmanager
def fuzzed(path: Path, random: Random | None = None) -> Generator[Stage]:
    """A daemon in a home of its own, which is ended with the block."""
    with home_at(path, CONFIG) as home:
        home.environ = NO_MODEL
        started = home.run("start")
        assert started.code == 0, started.err
        stage = Stage(home, home.json("status"), random or Random(0))
        try:
            yield stage
        finally:
            stage.hang_up()
            os.kill(stage.pid, 9)
