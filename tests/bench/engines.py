"""The same programs on the embedded engine and on Temporal: what a step, a run, a wake and a sleeper cost. Not a test.

    uv run python tests/bench/engines.py [--runs 100] [--sleepers 500] [--json]

Embedded is over a SQLite file with `full`; Temporal is its dev server, in memory, with a journal in a MongoDB, both on
this machine. Steps follow each other in one run; runs of one step are asked for all at once; a wake is the time from
the end of a child's step to the next line of its parent; a sleeper is what this process grows by with each run that
waits for an hour. Each engine has a process of its own.
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from agiwo.durable import DurableContext, Effect, Outcome, Program, StepResult, StepScope
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.engine.serving import ServingEngine
from agiwo.journal import open_journal
from agiwo.journal.base import Journal
from agiwo.schema.event import RUN_SLEEPING, NewEvent
from agiwo.schema.run import RunSpec, RunStatus

STEPS, NAPS = 50, 20

_LOOK = 0.02
"""Seconds between two looks at the index."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one engine."""

    engine: str
    steps_per_second: float
    runs_per_second: float
    wake_ms: float
    sleeper_kib: float


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

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from mongo_lab import Mongod
    from temporal_server import dev_server

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


ENGINES = {"embedded": embedded, "temporal": temporal}


async def measured(name: str, runs: int, sleepers: int) -> Figures:
    """What one engine does."""
    worker = Worker()
    async with ENGINES[name](worker) as engine:
        await _run(engine, "1", "warm")
        steps = STEPS / await _run(engine, str(STEPS), "steps")
        began = perf_counter()
        await asyncio.gather(*(_run(engine, "1", f"run{number}") for number in range(runs)))
        together = runs / (perf_counter() - began)
        await _run(engine, "nap", "naps")
        wake = 1000 * statistics.median(worker.wakes)
        before = _resident()
        for number in range(sleepers):
            await engine.submit(RunSpec("worker", f"sleeper{number}", "sleep"))
        await _asleep(engine.journal, sleepers)
        return Figures(name, steps, together, wake, (_resident() - before) / sleepers / 1024)


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
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Measure each in a process of its own, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--sleepers", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.engine:
        print(json.dumps(asdict(asyncio.run(measured(given.engine, given.runs, given.sleepers)))))
        return
    again = [sys.executable, __file__, "--runs", str(given.runs), "--sleepers", str(given.sleepers), "--engine"]
    found = [Figures(**json.loads(subprocess.check_output([*again, name]))) for name in ENGINES]
    if given.json:
        print(json.dumps([asdict(each) for each in found]))
        return
    print(f"{'engine':10} {'steps/s':>9} {'runs/s':>9} {'wake, ms':>9} {'sleeper, KiB':>13}")
    for each in found:
        print(
            f"{each.engine:10} {each.steps_per_second:9.0f} {each.runs_per_second:9.0f} {each.wake_ms:9.1f} "
            f"{each.sleeper_kib:13.1f}"
        )


if __name__ == "__main__":
    main()
