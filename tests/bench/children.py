"""A hundred children that think for 0.1 s each, ten at a time: ours beside agiwo 0.1.0 from PyPI. Not a test.

    uv run python tests/bench/children.py [--rounds 3] [--json]

A parent starts them, sleeps until all have ended, and answers; the time is that of its run, in a process of its
own, over memory and over a SQLite file. The ideal is 1.0 s: a hundred times 0.1 s, ten at a time. The peer has our
import name, so it lives in an interpreter of its own, in this user's cache. Medians; 1 as the exit code when ours takes
more than 1.2 times the ideal, or there are not exactly a hundred runs of children and three answers of the parent.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from drivers.crowd import WORK, Crowd

CHILDREN, AT_ONCE, LIMIT = 100, 10, 1.2

IDEAL = CHILDREN * WORK / AT_ONCE

OURS, PEER = "agiwo_crowd", "agiwo_010_crowd"

VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to: seconds, answers of children and of the parent, and the most children at the same time."""

    seconds: float
    children: int
    parent: int
    most: int


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured of one scheduler over one store."""

    name: str
    store: str
    seconds: float
    children: Sequence[int]
    parent: Sequence[int]
    most: int

    @property
    def is_within(self) -> bool:
        """Whether that is what ours is held to."""
        exact = set(self.children) == {CHILDREN} and set(self.parent) == {3}
        return exact and self.most <= AT_ONCE and self.seconds <= LIMIT * IDEAL


async def run_once(driver: str, store: str) -> Run:
    """One run in this process, after a small one that loads what there is to load."""
    module = import_module(f"drivers.{driver}")
    with tempfile.TemporaryDirectory() as folder:
        await module.run(Crowd(1, module.SPAWN), 1, 1, None)
        crowd = Crowd(CHILDREN, module.SPAWN)
        seconds = await module.run(crowd, CHILDREN, AT_ONCE, Path(folder) if store == "sqlite" else None)
    return Run(seconds, crowd.answers["children"], crowd.answers["parent"], crowd.most)


def measure(name: str, python: Path, driver: str, store: str, rounds: int) -> Line:
    """So many runs, each in a process of its own."""
    runs: list[Run] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:  # the peer makes a workspace wherever it is
            runs.append(_elsewhere([str(python), str(Path(__file__).resolve()), "--once", driver, store], folder))
    seconds = statistics.median(run.seconds for run in runs)
    counts = [run.children for run in runs], [run.parent for run in runs]
    return Line(name, store, seconds, *counts, max(run.most for run in runs))


def _elsewhere(command: Sequence[str], folder: str) -> Run:
    pipe, lost = subprocess.PIPE, subprocess.DEVNULL  # the peer logs everything it does
    ran = subprocess.run(command, check=True, stdout=pipe, stderr=lost, text=True, cwd=folder)
    return Run(**json.loads(ran.stdout.splitlines()[-1]))


def told(line: Line) -> str:
    """A line for people."""
    counts: Mapping[str, Sequence[int]] = {"runs of children": line.children, "answers of the parent": line.parent}
    told = ", ".join(f"{'/'.join(map(str, sorted(set(each))))} {name}" for name, each in counts.items())
    ratio = f"{line.seconds / IDEAL:.2f} times the ideal"
    return f"{line.name:12} {line.store:7} {line.seconds:6.2f} s  {ratio}  {told}, {line.most} at once"


def main(rounds: int, *, as_json: bool) -> int:
    """Measure, and print."""
    from interpreter import AGIWO  # the peer's interpreter, which runs this file too, lacks what that needs

    peer = AGIWO.python
    ways = [("agiwo", Path(sys.executable), OURS), *([(f"agiwo {VERSION}", peer, PEER)] if peer else [])]
    lines = [measure(*way, store, rounds) for store in ("memory", "sqlite") for way in ways]
    print(json.dumps([asdict(line) for line in lines]) if as_json else "\n".join(map(told, lines)))
    return int(not all(line.is_within for line in lines if line.name == "agiwo"))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--once", nargs=2, metavar=("DRIVER", "STORE"), help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.once:
        print(json.dumps(asdict(asyncio.run(run_once(*chosen.once)))))
        sys.exit()
    sys.exit(main(chosen.rounds, as_json=chosen.json))
