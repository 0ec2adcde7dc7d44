"""The drivers' processes, and the provider that they all ask. Knows what each is called, and measures nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from interpreter import AGIWO, COMPILED, FRAMEWORKS
from worker import Done, Work

HERE = Path(__file__).parent

FLOOR, OURS, PEER = "bare httpx2", "agiwo", "agiwo 0.1.0"

MODULES = {
    FLOOR: "bare_loop",
    OURS: "agiwo_agent",
    "pydantic-ai": "pydantic_ai_agent",
    "openai-agents": "openai_agents_agent",
    "agno": "agno_agent",
    "langgraph": "langgraph_agent",
    PEER: "agiwo_010_agent",
}
"""The drivers' modules."""

SILENT = {
    "AGNO_TELEMETRY": "false",
    "LANGSMITH_TRACING": "false",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "AGIWO_LOG_LEVEL": "ERROR",
}
"""Nobody is measured while phoning home, or while telling every step to stdout, as agiwo 0.1.0 does."""


def python_of(name: str) -> Path | None:
    """The interpreter that has what a driver drives; None when it is not installed."""
    if name in (FLOOR, OURS):
        return Path(sys.executable)
    return AGIWO.python if name == PEER else FRAMEWORKS.python


@dataclass(frozen=True)
class Driven:
    """A driver and its process."""

    name: str
    python: Path
    process: subprocess.Popen[str]

    def do(self, work: Work) -> Done:
        """Let it work."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(work)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{self.name} has failed"
        return Done(**json.loads(line))

    def first_agent(self) -> float:
        """Seconds of CPU until a fresh process has its first agent."""
        name = "httpx2" if self.name == FLOOR else MODULES[self.name]
        command = [str(self.python), str(HERE / "first_agent.py"), name]
        environment = {**os.environ, **SILENT, **COMPILED}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
        return float(done.stdout)


@contextmanager
def driven(name: str, python: Path, base_url: str) -> Generator[Driven]:
    """A driver's process, which ends when its stdin closes."""
    with _talking([str(python), str(HERE / "worker.py"), MODULES[name], base_url], SILENT) as process:
        yield Driven(name, python, process)


@contextmanager
def provider() -> Generator[str]:
    """The base URL of the provider, which ends when its stdin closes."""
    with _talking([sys.executable, str(HERE / "provider.py")], {"PYTHONPATH": str(HERE.parent)}) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"


@contextmanager
def _talking(command: list[str], variables: dict[str, str]) -> Generator["subprocess.Popen[str]"]:
    pipe, environment = subprocess.PIPE, {**os.environ, **variables}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
