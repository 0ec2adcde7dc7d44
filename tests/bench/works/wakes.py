"""How soon an agent goes on that slept on a child, in each way in which it can be kept, beside a commit of that disk.

    uv run python -m tests.bench wakes

Agents start a child, sleep, and are woken by its end, ten times each, over a SQLite file with each durability, kept
whole and parked meanwhile. The time is from the end of the child's last step to the next line of the agent; beside it
stands what a commit takes on the same disk at the same time. What it may cost is counted in commits that it waits for.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
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
from command import command
from measured import Check, Line, Report

COMMITS = 3
"""Commits that a wake may wait for: of the child's step, of its end, of the wake."""

_WORK = 0.01
"""Seconds that a child works: the one above it is asleep by then."""

_NAPS = 10
"""Times that each agent sleeps. A parked one reads all that it did when it is woken."""

COMMIT = "a commit"
NOTES = ["From the end of a child's last step to the next line of the program that slept on it, ten times each."]

_WAYS: tuple[tuple[Durability, int], ...] = (("normal", 64), ("normal", 0), ("full", 64), ("full", 0))


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


async def measured(folder: Path, durability: Durability, warm: int, agents: int) -> Line:
    """The medians in one way."""
    journal = await CountingJournal.open(folder / f"{durability}-{warm}.db", durability=durability)
    assert isinstance(journal, CountingJournal)
    sleeper = Sleeper(journal)
    engine = EmbeddedEngine(journal, sleeper, warm=warm)
    for number in range(agents):
        await engine.result(await engine.submit(RunSpec("sleeper", f"s{number}", "go")))
    commit = 1000 * median(await _commits(journal, agents * _NAPS))
    await engine.close()
    await journal.close()
    waited = Check("commits that it waits for", median(sleeper.commits), COMMITS)
    work = f"a wake, `{durability}`, {'whole' if warm else 'parked'}"
    return Line(work, "ms", 1000 * median(sleeper.seconds), {COMMIT: commit}, [waited], COMMIT)


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


def measure(rounds: int) -> Report:
    """Each way, with so many agents."""
    with TemporaryDirectory() as folder:
        lines = [asyncio.run(measured(Path(folder), durability, warm, rounds)) for durability, warm in _WAYS]
    return Report("Wakes", lines, (), NOTES)


if __name__ == "__main__":
    command(__doc__, measure, rounds=20)
