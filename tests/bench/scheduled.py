"""The process of one driver of scheduled agents: does one work, and says what it took. Compares nothing.

    python scheduled.py DRIVER WORK COUNT

What is counted is this process with its children, which is where Temporal's server is. Linux only.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Protocol

from drivers.crowd import Crowd, until
from process import family_cpu, family_memory

AT_ONCE = 10
"""Agents that work at the same time."""

A_DAY = 86_400
REST = 5.0
"""Seconds for which sleepers are watched."""

DUE, LATE = 15, 2.0
"""Seconds that sleepers sleep which are to be overdue, and seconds after that until somebody looks."""


class Driver(Protocol):
    """What a module in `drivers` has under this name; it is made with a crowd, which counts what its agents do."""

    def opened(self, folder: Path, at_once: int) -> AbstractAsyncContextManager[None]:
        """The scheduler, which goes on with what is in the folder."""
        ...

    async def run(self, task: str) -> None:
        """Let an agent do the task to its end."""
        ...

    async def sleep(self, begin: int, end: int, seconds: int) -> None:
        """Put agents to sleep that have these numbers; return when all of them are."""
        ...


@dataclass(frozen=True)
class Done:
    """What a work took: seconds of CPU and of time, bytes that it left, children that ended and the most at once.

    Of bytes also how many there were when a quarter of the work was done.
    """

    cpu: float = 0.0
    seconds: float = 0.0
    grown: int = 0
    grown_by_a_quarter: int = 0
    children: int = 0
    most: int = 0


class Stage:
    """A driver, its crowd and its folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.crowd, self.folder = Crowd(), folder
        self.driver: Driver = import_module(f"drivers.{name}").Driver(self.crowd)

    async def nap(self, count: int) -> Done:
        """One agent sleeps on a child, so many times; the time is the median of those from its end to the wake."""
        async with self.driver.opened(self.folder, AT_ONCE):
            await self.driver.run("@nap 2 0")
            self.crowd.wakes.clear()
            before = family_cpu()
            await self.driver.run(f"@nap {count} 1")
            assert len(self.crowd.wakes) == count, self.crowd.wakes
            return Done(family_cpu() - before, median(self.crowd.wakes))

    async def spawn(self, count: int) -> Done:
        """One agent sleeps on so many children."""
        async with self.driver.opened(self.folder, AT_ONCE):
            await self.driver.run("@crowd 2 0")
            self.crowd.children = 0
            before, began = family_cpu(), perf_counter()
            await self.driver.run(f"@crowd {count} 1")
            seconds = perf_counter() - began
            return Done(family_cpu() - before, seconds, children=self.crowd.children, most=self.crowd.most)

    async def sleep(self, count: int) -> Done:
        """So many sleep; the CPU is that of a second of their sleep."""
        warm_up = max(100, count // 10)
        async with self.driver.opened(self.folder, AT_ONCE):
            await self.driver.sleep(0, warm_up, A_DAY)
            before, quarter = family_memory(), warm_up + count // 4
            await self.driver.sleep(warm_up, quarter, A_DAY)
            early = family_memory() - before
            await self.driver.sleep(quarter, warm_up + count, A_DAY)
            grown, used = family_memory() - before, family_cpu()
            await asyncio.sleep(REST)
            return Done((family_cpu() - used) / REST, 0.0, grown, early)

    async def fall_asleep(self, count: int) -> Done:
        """So many sleep for a moment, and are left alone."""
        async with self.driver.opened(self.folder, AT_ONCE):
            await self.driver.sleep(0, count, DUE)
            assert not self.crowd.awake, "it takes longer to put them to sleep than they sleep"
        return Done()

    async def come_back(self, count: int) -> Done:
        """They are due when somebody looks after them again; the time is until all are back."""
        await asyncio.sleep(DUE + LATE)
        used, began = family_cpu(), perf_counter()
        async with self.driver.opened(self.folder, AT_ONCE):
            await until(count, lambda: self.crowd.awake)
            return Done(family_cpu() - used, perf_counter() - began)


WORKS: Mapping[str, Sequence[Callable[[Stage, int], Coroutine[None, None, Done]]]] = {
    "nap": (Stage.nap,),
    "spawn": (Stage.spawn,),
    "sleep": (Stage.sleep,),
    "recover": (Stage.fall_asleep, Stage.come_back),
}
"""What there is to do: one thing after the other, each in an event loop of its own."""


def main(driver: str, work: str, count: int) -> Done:
    """The work, in a folder that is gone afterwards."""
    done = Done()
    with TemporaryDirectory() as folder:
        stage = Stage(driver, Path(folder))
        for part in WORKS[work]:
            done = asyncio.run(part(stage, count))
    return done


if __name__ == "__main__":
    print(json.dumps(asdict(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
