"""The same programs on our two engines, in this process and on Temporal: what a step, a run, a wake and a sleeper cost.

    uv run python -m tests.bench engines

Embedded is over a SQLite file with `full`; Temporal is its dev server, in memory, with a journal in a MongoDB, both on
this machine. Steps follow each other in one run; runs of one step are asked for all at once; a wake is the time from
the end of a child's step to the next line of its parent; a sleeper is what this process grows by with each run that
waits for an hour. Each engine has a process of its own.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from agiwo.durable import DurableContext, Effect, Outcome, Program, StepResult, StepScope
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.engine.serving import ServingEngine
from agiwo.journal import open_journal
from agiwo.journal.base import Journal
from agiwo.schema.event import RUN_SLEEPING, NewEvent
from agiwo.schema.run import RunSpec, RunStatus
from command import command
from measured import Line, Report
from mongo_lab import Mongod
from process import memory
from temporal_server import BINARY, dev_server

STEPS, NAPS, RUNS, SLEEPERS = 30, 10, 50, 100

_LOOK = 0.02
"""Seconds between two looks at the index."""

NOTES = ["The embedded engine over SQLite with `full`; Temporal's dev server, with a journal in MongoDB. In time."]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one engine: milliseconds of a step, a run and a wake, and KiB of a sleeper."""

    step: float
    run: float
    wake: float
    sleeper: float


class Worker:
    """A program that does what its input says."""

    version = "1"

    def __init__(self) -> None:
        self.effects: Mapping[str, Effect] = {"work": self._work}
        self.wakes: list[float] = []
        self._done = 0.0

    async def main(self, ctx: DurableContext) -> Outcome:
        """Work, nap on children that work, or sleep."""
        match ctx.run.spec.input:
            case "sleep":
                ctx.emit("asleep", NewEvent(RUN_SLEEPING, {}))
                await ctx.wait("sleep", [], timeout=3600)
            case "nap":
                for number in range(NAPS):
                    await self._nap(ctx, number)
            case steps:
                for number in range(int(str(steps))):
                    await ctx.step(str(number), "work", number)
        return Outcome()

    async def _nap(self, ctx: DurableContext, number: int) -> None:
        child = await ctx.spawn(f"{number}/spawn", RunSpec("worker", f"{ctx.run.id} {number}", "1"))
        await ctx.wait(f"{number}/sleep", [child])
        if len(self.wakes) == number:  # else a workflow is only made again
            self.wakes.append(perf_counter() - self._done)

    async def _work(self, scope: StepScope, arg: Any) -> StepResult:
        self._done = perf_counter()
        return StepResult(arg)

    def find(self, spec: RunSpec) -> Program:
        """Itself, for every run."""
        return self


@asynccontextmanager
async def embedded(worker: Worker) -> AsyncGenerator[ServingEngine]:
    """The engine in this process, over a file."""
    with tempfile.TemporaryDirectory() as folder:
        journal = await open_journal("sqlite", db_path=Path(folder) / "journal.db", durability="full")
        engine = EmbeddedEngine(journal, worker)
        yield engine
        await _close(engine, journal)


@asynccontextmanager
async def temporal(worker: Worker) -> AsyncGenerator[ServingEngine]:
    """An engine over servers of its own."""
    from agiwo.engine.temporal.engine import TemporalEngine
    from agiwo.engine.temporal.place import TemporalPlace

    mongod = Mongod()
    try:
        with dev_server() as address:
            journal = await open_journal("mongodb", uri=mongod.uri, db_name="bench", shared=True)
            engine = TemporalEngine(TemporalPlace(address), journal, worker)
            await engine.recover()
            yield engine
            await _close(engine, journal)
    finally:
        mongod.stop()


async def _close(engine: ServingEngine, journal: Journal) -> None:
    await engine.close()
    await journal.close()


EMBEDDED, TEMPORAL = "embedded", "Temporal"
ENGINES = {EMBEDDED: embedded, TEMPORAL: temporal}
TOLD = {
    "step": ("a step", "ms"),
    "run": (f"a run of one step, {RUNS} at once", "ms"),
    "wake": ("a wake", "ms"),
    "sleeper": ("a sleeper, without a server's share", "KiB"),
}
"""What stands in the table."""


async def measured(name: str) -> Figures:
    """What one engine does."""
    worker = Worker()
    async with ENGINES[name](worker) as engine:
        await _run(engine, "1", "warm")
        step = await _run(engine, str(STEPS), "steps") / STEPS
        began = perf_counter()
        await asyncio.gather(*(_run(engine, "1", f"run{number}") for number in range(RUNS)))
        together = (perf_counter() - began) / RUNS
        await _run(engine, "nap", "naps")
        before = _resident()
        for number in range(SLEEPERS):
            await engine.submit(RunSpec("worker", f"sleeper{number}", "sleep"))
        await _asleep(engine.journal, SLEEPERS)
        grown = _resident() - before
    return Figures(1000 * step, 1000 * together, 1000 * median(worker.wakes), grown / SLEEPERS / 1024)


async def _run(engine: ServingEngine, input: str, session: str) -> float:
    """Seconds that a run takes."""
    began = perf_counter()
    result = await engine.result(await engine.submit(RunSpec("worker", session, input)))
    assert result.status == RunStatus.COMPLETED, result
    return perf_counter() - began


async def _asleep(journal: Journal, number: int) -> None:
    sleeping = frozenset({RunStatus.SLEEPING})
    while True:
        if len(await journal.runs(statuses=sleeping, limit=number)) == number:
            return
        await asyncio.sleep(_LOOK)


def _resident() -> int:
    gc.collect()
    return memory(os.getpid())


def elsewhere(name: str) -> Figures:
    """The figures of one engine, from a process of its own."""
    said = subprocess.check_output([sys.executable, __file__, "--engine", name], stderr=subprocess.DEVNULL)
    return Figures(**json.loads(said.splitlines()[-1]))


def measure(rounds: int) -> Report:
    """Both engines in turns, or the embedded one alone."""
    names = [EMBEDDED, *([TEMPORAL] if BINARY.exists() else [])]
    taken = [{name: elsewhere(name) for name in names} for _ in range(rounds)]
    lines = [line_of(field, *told, taken) for field, told in TOLD.items()]
    absent = [] if TEMPORAL in names else [TEMPORAL]
    return Report("The engines", lines, (), NOTES, {"temporalio": version("temporalio")}, absent)


def line_of(field: str, tells: str, unit: str, taken: Sequence[Mapping[str, Figures]]) -> Line:
    """The medians of one figure."""
    ours, *others = ((name, median(getattr(each[name], field) for each in taken)) for name in taken[0])
    return Line(tells, unit, ours[1], dict(others))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        print(json.dumps(asdict(asyncio.run(measured(sys.argv[2])))))
    else:
        command(__doc__, measure, rounds=1)
