"""Agents that sleep, spawn and come back: our scheduler beside agiwo 0.1.0, our engine beside DBOS and Temporal.

    uv run python -m tests.bench scheduler

Agents are compared with agents, whose model says at once what a script has. DBOS and Temporal know no agents: what is
held against them is our engine without agents, with programs as small as their workflows, a step for each answer of a
model. Ours and DBOS write SQLite, ours so that it survives a power cut; Temporal is its dev server, in memory, and its
CPU and memory are counted with its worker's. Each work has a process of its own. Linux only.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from command import command
from drivers.crowd import WORK
from interpreter import AGIWO, DBOS
from measured import Check, Curve, Line, Report
from scheduled import AT_ONCE, Done
from temporal_server import BINARY

HERE = Path(__file__).parents[1]

TEMPORAL, TENTH = "Temporal", 0.1
"""The best of the peers takes at least ten times as much."""

PATIENCE = 600.0
"""Seconds that one work of one driver may take."""

SLEEPERS = 400
"""How many sleep; of ours also many more, see `Field.most`."""

FAR = 2
"""How many times what we take, in each figure, a peer may take and still be asked again."""


@dataclass(frozen=True)
class Driven:
    """A driver of `scheduled.py`, and the interpreter that has what it drives."""

    name: str
    module: str
    python: Path | None

    def do(self, work: str, count: int) -> Done:
        """Let a process do it, in a folder that is gone afterwards: agiwo 0.1.0 makes a workspace wherever it is."""
        command = [str(self.python), str(HERE / "scheduled.py"), self.module, work, str(count)]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent) if self.python == Path(sys.executable) else ""}
        with TemporaryDirectory() as folder:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd=folder,
                timeout=PATIENCE,
            )
        assert done.returncode == 0, f"{self.name} could not {work}"
        return Done(**json.loads(done.stdout.splitlines()[-1]))


@cache
def once(driven: Driven, work: str, count: int) -> Done:
    """The work, and what came of it again when it is asked for again."""
    return driven.do(work, count)


@dataclass(frozen=True)
class Field:
    """Ours, of which `most` sleep at most, and those that it is held against; one without an interpreter is absent."""

    tells: str
    ours: Driven
    peers: Sequence[Driven]
    most: int

    @property
    def everybody(self) -> list[Driven]:
        """Ours and the peers that are installed."""
        return [self.ours, *(each for each in self.peers if each.python)]


@dataclass(frozen=True)
class Figure:
    """What is told of a work. `limit` holds for ours itself, in the figure's unit."""

    tells: str
    unit: str
    of: Callable[[Done, int], float]
    limit: float | None = None


@dataclass(frozen=True)
class Work:
    """So many of something, and what is told of it; `rounds` is how often at most."""

    name: str
    count: int
    rounds: int
    figures: Sequence[Figure]
    fields: Sequence[str] = ("agents", "programs")


IDEAL = 100 * WORK / AT_ONCE
WORKS = (
    Work(
        "nap",
        20,
        3,
        (
            Figure("a wake: from a child's end to the next line", "ms", lambda done, _: 1e3 * done.seconds),
            Figure("to spawn, sleep and wake", "ms of CPU", lambda done, count: 1e3 * done.cpu / count),
        ),
    ),
    Work(
        "spawn",
        100,
        3,
        (
            Figure("100 children", "ms of CPU", lambda done, _: 1e3 * done.cpu),
            Figure("100 children, beyond the ideal second", "ms", lambda done, _: 1e3 * (done.seconds - IDEAL), 200),
        ),
    ),
    Work(
        "sleep",
        SLEEPERS,
        1,
        (
            Figure("a sleeper", "KiB", lambda done, count: done.grown / count / 1024, 8),
            Figure(f"{SLEEPERS} sleepers, each second", "ms of CPU", lambda done, _: 1e3 * done.cpu),
        ),
    ),
    Work(
        "recover",
        100,
        1,
        (
            Figure("to come back when overdue", "ms of CPU", lambda done, count: 1e3 * done.cpu / count),
            Figure("100 overdue, until all are back", "ms", lambda done, _: 1e3 * done.seconds),
        ),
        ("programs",),
    ),
)
NOTES = [
    "Of agents the model says its answers at once; `programs` are those of the engine, as small as the peers' "
    f"workflows. Ours is over SQLite with `full`. Who takes more than {FAR} times what we take is asked only once. "
    "agiwo 0.1.0 is left out where agents come back after a restart: it does not know them any more."
]


def fields() -> list[Field]:
    """What is there."""
    here = Path(sys.executable)
    return [
        Field(
            "agents",
            Driven("agiwod", "agiwo_scheduler", here),
            [Driven("agiwo 0.1.0", "agiwo_010_scheduler", AGIWO.python)],
            1_000,
        ),
        Field(
            "programs",
            Driven("agiwod", "agiwo_engine", here),
            [
                Driven("DBOS", "dbos_scheduler", DBOS.python),
                Driven(TEMPORAL, "temporal_scheduler", here if BINARY.exists() else None),
            ],
            10_000,
        ),
    ]


def measure(rounds: int) -> Report:
    """All of it, those of one field taking turns."""
    lines = list[Line]()
    for work in WORKS:
        for field in fields():
            if field.tells in work.fields:
                lines += measured(work, field, min(rounds, work.rounds))
    versions = {**AGIWO.found, **DBOS.found, "temporalio": version("temporalio")}
    absent = [each.name for field in fields() for each in field.peers if not each.python]
    return Report("The scheduler", lines, [sleepers()], NOTES, versions, absent)


def measured(work: Work, field: Field, rounds: int) -> list[Line]:
    """The figures of one work."""
    drivers = field.everybody
    done = {each.name: list[Done]() for each in drivers}
    for _ in range(rounds):
        for each in drivers:
            taken = each.do(work.name, work.count) if rounds > 1 else once(each, work.name, work.count)
            done[each.name].append(taken)
        ours = done[field.ours.name][0]
        drivers = [each for each in drivers if not is_far(work, done[each.name][0], ours)]
    if work.name == "spawn":
        assert all(each.children == work.count and each.most <= AT_ONCE for each in done[field.ours.name])
    return [line_of(figure, work, field, done) for figure in work.figures]


def is_far(work: Work, done: Done, ours: Done) -> bool:
    """Whether somebody took so much more than ours that asking again would tell nothing."""
    return all(each.of(done, work.count) > FAR * each.of(ours, work.count) for each in work.figures)


def line_of(figure: Figure, work: Work, field: Field, done: Mapping[str, Sequence[Done]]) -> Line:
    """The medians, and ours held against its bounds."""
    values = {name: median(figure.of(each, work.count) for each in taken) for name, taken in done.items()}
    ours, checks = values.pop(field.ours.name), list[Check]()
    if values:
        best = min(values, key=lambda name: values[name])
        checks.append(Check(f"of {best}, the best peer", ours / values[best], TENTH))
    if figure.limit is not None:
        checks.append(Check(figure.unit, ours, figure.limit))
    return Line(f"{figure.tells} ({field.tells})", figure.unit, ours, values, checks)


def sleepers() -> Curve:
    """How memory grows with those that sleep."""
    points = dict[str, list[tuple[float, float]]]()
    for field in fields():
        for each in field.everybody:
            sizes = (SLEEPERS, field.most) if each is field.ours else (SLEEPERS,)
            name = f"{each.name}, {field.tells}" if each is field.ours else each.name
            points[name] = [point for size in sizes for point in grown(once(each, "sleep", size), size)]
    return Curve("scheduler-sleepers", "Agents that sleep", "sleepers", "MiB that they hold", points)


def grown(done: Done, count: int) -> list[tuple[float, float]]:
    """MiB that a quarter of the sleepers hold, and all of them."""
    return [(count / 4, done.grown_by_a_quarter / 2**20), (count, done.grown / 2**20)]


if __name__ == "__main__":
    command(__doc__, measure, rounds=3)
