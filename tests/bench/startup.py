"""CPU that a host waits for: from spawn to the answer of `initialize`. Ratios of one run, not a test. Linux only.

    uv run python tests/bench/startup.py [--rounds 15]

The cases take turns in every round, because a machine's speed drifts. What a process has used is read from /proc at the
moment its first answer is here, so what it does after that counts for nothing.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

SCRIPT = str(Path(sys.executable).with_name("agiwod"))
HELLO = orjson.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": 1, "clientInfo": {"name": "bench", "version": "0"}, "capabilities": {}},
    }
)
READY = "; import os; os.write(1, b'{}\\n'); os.read(0, 1)"
"""How a program that only imports tells that it is done, and stays to be looked at."""


@dataclass(frozen=True)
class Case:
    """A command to start, and beside which other it is judged: at most `target` times that."""

    command: tuple[str, ...]
    floor: str = ""
    target: float = 0.0


def imports(modules: str) -> tuple[str, ...]:
    """A program that imports and says so."""
    return (sys.executable, "-c", f"import {modules}{READY}")


PUMP_FLOOR, DAEMON_FLOOR = "import asyncio", "import asyncio, anyio, pydantic, orjson"
SPOKEN: Mapping[str, Case] = {
    PUMP_FLOOR: Case(imports("asyncio")),
    "agiwod stdio": Case((SCRIPT, "stdio"), PUMP_FLOOR, 1.3),
    "python -m agiwod stdio": Case((sys.executable, "-m", "agiwod", "stdio"), PUMP_FLOOR, 1.3),
    DAEMON_FLOOR: Case(imports("asyncio, anyio, pydantic, orjson")),
    "agiwod stdio --standalone": Case((SCRIPT, "stdio", "--standalone"), DAEMON_FLOOR, 2.0),
}
"""What answers. The floors before what is judged by them."""

SAID: Mapping[str, Case] = {
    "agiwod --help": Case((SCRIPT, "--help"), PUMP_FLOOR),
    "agiwod --version": Case((SCRIPT, "--version"), PUMP_FLOOR),
}
"""What prints and ends."""


def milliseconds(pid: int) -> float:
    """CPU that the process has used so far."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


def spoken(command: tuple[str, ...], environment: Mapping[str, str]) -> float:
    """CPU until the answer is here."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(HELLO + b"\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        spent = milliseconds(process.pid)
        assert orjson.loads(answer).get("error") is None, answer
        process.stdin.close()
        process.stdout.read()
    return spent


def said(command: tuple[str, ...], environment: Mapping[str, str]) -> float:
    """CPU of a whole process, read when it has ended and nobody has collected it."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    spent = milliseconds(process.pid)
    assert process.wait() == 0, command
    return spent


def measure(rounds: int, running: str) -> Mapping[str, list[float]]:
    """Milliseconds of CPU of each case in each round. A standalone daemon gets an empty home each time."""
    spent: dict[str, list[float]] = {name: [] for name in (*SPOKEN, *SAID)}
    for number in range(rounds + 1):
        for cases, ask in ((SPOKEN, spoken), (SAID, said)):
            for name, case in cases.items():
                value = once(ask, case, running)
                if number:  # the first round only warms up
                    spent[name].append(value)
    return spent


def once(ask: Callable[[tuple[str, ...], Mapping[str, str]], float], case: Case, running: str) -> float:
    """One case once."""
    with TemporaryDirectory() as fresh:
        home = fresh if "--standalone" in case.command else running
        return ask(case.command, {**os.environ, "AGIWOD_HOME": home})


def table(spent: Mapping[str, list[float]]) -> None:
    """Print one line a case."""
    for name, case in {**SPOKEN, **SAID}.items():
        line = f"{name:42} {statistics.median(spent[name]):7.1f} ms of CPU"
        if case.floor:
            ratios = (value / least for value, least in zip(spent[name], spent[case.floor], strict=True))
            line += f" {statistics.median(ratios):6.2f}x {case.floor!r}"
        print(line + (f", target {case.target}x" if case.target else ""))


@contextmanager
def serving(home: str) -> Generator[None]:
    """A daemon that takes requests."""
    environment = {**os.environ, "AGIWOD_HOME": home}
    with subprocess.Popen([SCRIPT, "serve"], stderr=subprocess.PIPE, env=environment) as process:
        assert process.stderr is not None
        process.stderr.readline()  # it says where it serves once it does
        try:
            yield
        finally:
            process.terminate()


def main(rounds: int) -> None:
    """Measure beside one daemon, and print."""
    with TemporaryDirectory() as home, serving(home):
        table(measure(rounds, home))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    main(arguments.parse_args().rounds)
