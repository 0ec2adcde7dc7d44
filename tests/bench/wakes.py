"""Milliseconds from the end of a child's last step to the next line of the agent that slept on it. Not a test.

    uv run python tests/bench/wakes.py [--times 200] [--json]

Agents start a child, sleep, and are woken by its end, ten times each, over a SQLite file with each durability, kept
whole and parked meanwhile. Beside it stands what a commit costs on the same disk at the same time, and how many a wake
waits for. Medians; 1 as the exit code when `normal` takes longer than its limit, or a wake waits for more than three.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from agiwo.durable import DurableContext, Effect, Outcome, Program, StepResult, StepScope
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.journal.base import Journal, Listener
from agiwo.journal.schema import Durability
from agiwo.journal.sqlite import SqliteJournal
from agiwo.schema.event import RUN_SLEEPING, RUN_WOKEN, NewEvent
from agiwo.schema.record import Batch, Change, Entry, Record, RunHead
from agiwo.schema.run import RunSpec, RunStatus

LIMIT = 5.0
"""Milliseconds that a wake may take with `normal`."""

COMMITS = 3
"""Commits that a wake may wait for: of the child's step, of its end, of the wake."""

_WORK = 0.01
"""Seconds that a child works: the one above it is asleep by then."""

_NAPS = 10
"""Times that each agent sleeps. A parked one reads all that it did when it is woken."""

_WAYS: tuple[tuple[Durability, int], ...] = (("normal", 64), ("normal", 0), ("full", 64), ("full", 0))


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured in one way, in milliseconds; `commits` is how many of them a wake waits for."""

    durability: str
    sleeper: str
    wake: float
    commit: float
    commits: float

    @property
    def is_within(self) -> bool:
        """Whether that is within the limits."""
        return self.commits <= COMMITS and (self.wake < LIMIT or self.durability == "full")


class CountingJournal(SqliteJournal):
    """A journal that counts its appends."""

    appends = 0

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        """As `SqliteJournal.append`."""
        self.appends += 1
        return await super().append(*changes, first=first)


class Sleeper:
    """A program that is woken so many times by a child, and measures each wake."""

    version = "1"

    def __init__(self, journal: CountingJournal) -> None:
        self.effects: Mapping[str, Effect] = {"work": self._work}
        self.seconds: list[float] = []
        self.commits: list[int] = []
        self._journal, self._done, self._before, self._woken = journal, 0.0, 0, set[str]()

    async def main(self, ctx: DurableContext) -> Outcome:
        """Sleep on children, or be one."""
        if ctx.run.spec.depth:
            return Outcome(output=await ctx.step("work", "work", None))
        for number in range(_NAPS):
            child = await ctx.spawn(f"{number}/spawn", RunSpec("sleeper", f"{ctx.run.id} {number}", "work"))
            ctx.emit(f"{number}/asleep", NewEvent(RUN_SLEEPING, {}))
            await ctx.wait(f"{number}/sleep", [child])
            self._measure(f"{ctx.run.id} {number}")
            ctx.emit(f"{number}/awake", NewEvent(RUN_WOKEN, {}))
        return Outcome()

    def _measure(self, nap: str) -> None:
        if nap not in self._woken:  # else a parked run is only coming back to where it was
            self._woken.add(nap)
            self.seconds.append(perf_counter() - self._done)
            self.commits.append(self._journal.appends - self._before)

    async def _work(self, scope: StepScope, arg: Any) -> StepResult:
        await asyncio.sleep(_WORK)
        self._done, self._before = perf_counter(), self._journal.appends
        return StepResult()

    def find(self, spec: RunSpec) -> Program:
        """Itself, for every run."""
        return self


async def measured(folder: Path, durability: Durability, warm: int, times: int) -> Line:
    """The medians in one way."""
    journal = await CountingJournal.open(folder / f"{durability}-{warm}.db", durability=durability)
    assert isinstance(journal, CountingJournal)
    sleeper = Sleeper(journal)
    engine = EmbeddedEngine(journal, sleeper, warm=warm)
    for number in range(times // _NAPS):
        await engine.result(await engine.submit(RunSpec("sleeper", f"s{number}", "go")))
    wake = 1000 * statistics.median(sleeper.seconds)
    commit = 1000 * statistics.median(await _commits(journal, times))
    await engine.close()
    await journal.close()
    return Line(durability, "whole" if warm else "parked", wake, commit, statistics.median(sleeper.commits))


async def _commits(journal: Journal, times: int) -> list[float]:
    """Seconds of each of some commits, one after the other."""
    await journal.append(Batch("run", create=RunHead("run", "s", "agent", RunStatus.RUNNING, 0.0, 0.0)))
    seconds: list[float] = []
    for number in range(times):
        entry = Entry("step", {"value": "of a usual size" * 10}, 0.0, str(number), public=False)
        began = perf_counter()
        await journal.append(Batch("run", (entry,)))
        seconds.append(perf_counter() - began)
    return seconds


def main(times: int, *, as_json: bool) -> int:
    """Measure, and print a line each way."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [asyncio.run(measured(Path(folder), durability, warm, times)) for durability, warm in _WAYS]
    if as_json:
        print(json.dumps({"limit_ms": LIMIT, "limit_commits": COMMITS, "lines": [asdict(each) for each in lines]}))
    else:
        print(f"{'durability':10} {'sleeper':8} {'wake':>8} {'commit':>8} {'commits':>8}   (ms, medians)")
        for each in lines:
            print(f"{each.durability:10} {each.sleeper:8} {each.wake:8.2f} {each.commit:8.2f} {each.commits:8g}")
    return int(not all(each.is_within for each in lines))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--times", type=int, default=200)
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    sys.exit(main(chosen.times, as_json=chosen.json))
