"""A home of its own for a real daemon, and a terminal to use it from. Every command is a real process."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agiwo_protocol.paths import Paths, locate
from agiwod.cli.ending import Ending
from agiwod.cli.probe import daemon_status

PATIENCE = 180.0
"""Seconds after which something that should happen does not; the machine may be busy."""

AGIWOD = str(Path(sys.executable).with_name("agiwod"))

WORDS = " ".join(f"word{number}" for number in range(60))
"""What the agent `slow` says, a word in 50 ms."""

CONFIG = """\
default_agent = "quick"

[models.keyless]
provider = "openai"
id = "any"
api_key_env = "A_KEY_THAT_IS_NOT_SET"

[models.deaf]
provider = "openai"
id = "any"
base_url = "http://127.0.0.1:9/v1"
retries = 0

[agents.quick]
description = "Says one sentence"
model = "scripted:quick.json"

[agents.slow]
description = "Says sixty words slowly"
model = "scripted:slow.json"

[agents.worker]
description = "Calculates, then answers"
model = "scripted:worker.json"
"""

SCRIPTS: Mapping[str, list[Mapping[str, Any]]] = {
    "quick": [{"text": "Paris is the capital.", "deltas": 4, "usage": {"inputTokens": 7, "outputTokens": 5}}],
    "slow": [{"text": WORDS, "deltas": 60, "delayMs": 50}],
    "endless": [{"text": "and so on " * 6000, "deltas": 6000, "delayMs": 50}],
    "worker": [
        {
            "reasoning": "I should calculate.",
            "toolCalls": [
                {"name": "calculator", "arguments": {"expression": "6*7"}},
                {"name": "calculator", "arguments": {"expression": "1/0"}},
            ],
            "delayMs": 300,
        },
        {"text": "It is 42.", "deltas": 3, "delayMs": 50},
    ],
}


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Home:
    """A daemon's home, configured; the daemon is started by whoever needs one."""

    path: Path
    config: str = CONFIG
    environ: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "config.toml").write_text(self.config)
        for name, turns in SCRIPTS.items():
            (self.path / f"{name}.json").write_text(json.dumps({"turns": turns, "repeat": True}))

    @property
    def endless(self) -> str:
        """A model that says more than anybody waits for: for what must happen while it speaks."""
        return f"scripted:{self.path / 'endless.json'}"

    @property
    def paths(self) -> Paths:
        return locate(self.path)

    @property
    def env(self) -> dict[str, str]:
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START") if name in os.environ
        }
        return {**kept, "AGIWOD_HOME": str(self.path), "TERM": "xterm", **self.environ}

    def run(self, *argv: str, stdin: str = "", **environ: str) -> Ran:
        done = subprocess.run(
            [AGIWOD, *argv],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**self.env, **environ},
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def json(self, *argv: str) -> Any:
        return json.loads(self.run(*argv, "--json").out)

    @contextmanager
    def process(self, *argv: str) -> Generator["subprocess.Popen[bytes]"]:
        """A command under way, with pipes."""
        with subprocess.Popen(
            [AGIWOD, *argv],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
        ) as child:
            try:
                yield child
            finally:
                child.kill()

    @contextmanager
    def terminal(self, *argv: str, **environ: str) -> Generator["Terminal"]:
        """A command under way on a terminal of its own."""
        master, slave = pty.openpty()
        with subprocess.Popen(
            [AGIWOD, *argv], stdin=slave, stdout=slave, stderr=slave, env={**self.env, **environ}
        ) as child:
            os.close(slave)
            try:
                yield Terminal(child, master)
            finally:
                child.kill()
                os.close(master)

    def pid(self) -> int | None:
        """The running daemon's."""
        status = daemon_status(self.paths)
        return None if status is None else status["pid"]

    def kill(self) -> None:
        """Kill the daemon as a power cut would, if one runs."""
        pid = self.pid()
        if pid is not None:
            with Ending(pid) as ending:
                os.kill(pid, signal.SIGKILL)
                assert ending.wait(PATIENCE)


@dataclass
class Terminal:
    """What a person sees of a command, and what it is given."""

    child: "subprocess.Popen[bytes]"
    master: int
    seen: str = ""

    def await_text(self, text: str) -> None:
        """Read until the text is on the screen."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert self._read(deadline), f"{text!r} did not come: {self.seen!r}"

    def type(self, text: str) -> None:
        """What a person types; `\n` is the Enter key."""
        os.write(self.master, text.encode())

    def interrupt(self) -> None:
        """What the terminal does on Ctrl-C."""
        self.child.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Read to the end; return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.child.wait(PATIENCE)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self.master, 1 << 16) if ready else b""
        except OSError:
            # What Linux says when the other side of a terminal is closed.
            return False
        self.seen += data.decode().replace("\r\n", "\n")
        return bool(data)


@contextmanager
def home_at(path: Path, config: str = CONFIG) -> Generator[Home]:
    """A home whose daemon does not outlive the block."""
    home = Home(path, config)
    try:
        yield home
    finally:
        home.kill()


def events_of(ran: Ran) -> list[dict[str, Any]]:
    """What `--json` wrote."""
    return [json.loads(line) for line in ran.out.splitlines()]
