"""CPU that a host waits for: from spawn to the first answer over stdin and stdout. Linux only.

    uv run python -m tests.bench startup

The first answer is that to `initialize`. What a process has used is read from /proc at the moment its answer is here,
so what it does after that counts for nothing. The floors only import what such a process cannot do without, and say so.
Everybody has compiled modules, and takes turns in every round.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from command import command
from interpreter import COMPILED, SERVERS
from measured import Check, Line, Report
from spoken import OURS, SCRIPT, Server, daemon, peers, speaking

READY = "; import os; os.write(1, b'{\"result\": {}}\\n'); os.read(0, 1)"
"""How a program that only imports tells that it is done, and stays to be looked at."""

PUMP, STANDALONE = "agiwod stdio", "agiwod stdio --standalone"
FLOORS = {PUMP: "import asyncio", STANDALONE: "import asyncio, anyio, pydantic, orjson"}
SPEEDUPS = {PUMP: 6, STANDALONE: 3}
"""How many times less than the best peer each takes."""

LIMITS = {PUMP: 1.3, STANDALONE: 2.0}
"""How many times its floor each may take."""

WHOLE = ("agiwod --help", "agiwod --version")
"""What prints and ends."""

NOTES = [
    "CPU from spawn to the answer of `initialize`; of what prints and ends, all of it. `agiwod stdio` finds a daemon."
]


def measure(rounds: int) -> Report:
    """All in turns, the first round only to warm up."""
    found, absent = peers()
    ours = [Server(OURS, (SCRIPT, *name.split()[1:])) for name in (PUMP, STANDALONE)]
    floors = [Server(floor, (sys.executable, "-c", floor + READY)) for floor in FLOORS.values()]
    taken: dict[str, list[float]] = {}
    with TemporaryDirectory() as home, daemon(Path(home)):
        for number in range(rounds + 1):
            for name, server in zip((PUMP, STANDALONE), ours, strict=True):
                note(taken, number, name, first_answer(server, home if name == PUMP else None))
            for server in (*floors, *found):
                note(taken, number, server.name, first_answer(server, home))
            for name in WHOLE:
                note(taken, number, name, whole(name.split()[1:], home))
    return report(taken, [each.name for each in found], absent)


def note(taken: dict[str, list[float]], number: int, name: str, value: float) -> None:
    """Keep a figure, unless it is of the first round."""
    if number:
        taken.setdefault(name, []).append(value)


def first_answer(server: Server, home: str | None) -> float:
    """Milliseconds of CPU; without a home in an empty one."""
    with ExitStack() as stack:
        home = home or stack.enter_context(TemporaryDirectory())
        return stack.enter_context(speaking(server, {"AGIWOD_HOME": home})).cpu() / 1e3


def whole(arguments: Sequence[str], home: str) -> float:
    """Milliseconds of CPU of a whole process, read when it has ended and nobody has collected it."""
    environment = {**os.environ, **COMPILED, "AGIWOD_HOME": home}
    process = subprocess.Popen([SCRIPT, *arguments], stdout=subprocess.DEVNULL, env=environment)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    tasks = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    spent = sum(int(task.read_text().split()[0]) for task in tasks) / 1e6
    assert process.wait() == 0, arguments
    return spent


def report(taken: Mapping[str, Sequence[float]], names: Sequence[str], absent: Sequence[str]) -> Report:
    """The medians, and ours held against its floor and the best peer."""
    others = {name: median(taken[name]) for name in names}
    lines = [line_of(name, taken, others) for name in (PUMP, STANDALONE)]
    floor = FLOORS[PUMP]
    lines += [Line(name, "ms", median(taken[name]), {floor: median(taken[floor])}, floor=floor) for name in WHOLE]
    return Report("From spawn to the first answer", lines, (), NOTES, SERVERS.found, absent)


def line_of(name: str, taken: Mapping[str, Sequence[float]], others: Mapping[str, float]) -> Line:
    """One of ours beside everybody."""
    floor = FLOORS[name]
    checks = [Check("of the floor", ratio(taken, name, floor), LIMITS[name])]
    if pythons := [peer for peer in others if peer != "vscode-jsonrpc"]:  # that needs no Python
        best = min(pythons, key=lambda peer: others[peer])
        checks.append(Check(f"of {best}, the best peer", ratio(taken, name, best), 1 / SPEEDUPS[name]))
    return Line(name, "ms", median(taken[name]), {floor: median(taken[floor]), **others}, checks, floor)


def ratio(taken: Mapping[str, Sequence[float]], name: str, other: str) -> float:
    """How many times the other the one takes."""
    return median(own / its for own, its in zip(taken[name], taken[other], strict=True))


if __name__ == "__main__":
    command(__doc__, measure, rounds=11)
