"""The process of one driver: does the work that it is told on stdin, and says what CPU that took. Decides nothing.

python worker.py DRIVER BASE_URL
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from drivers.addition import Calls


class Driver(Protocol):
    """What a module in `drivers` has under this name; it is made with the provider's base URL."""

    def first(self) -> object:
        """A new agent with a model alone."""
        ...

    def construct(self) -> object:
        """A new agent with a tool."""
        ...

    async def run(self, model: str) -> int:
        """Run once; how many characters the answer has."""
        ...

    async def stream(self, model: str) -> int:
        """Run once and read every event; how many characters the pieces of text have."""
        ...


@dataclass(frozen=True)
class Work:
    """What to do: `construct`, `run` or `stream`, so many times, and of the last two so many at once."""

    kind: str
    model: str = ""
    times: int = 1
    at_once: int = 1


@dataclass(frozen=True)
class Done:
    """What came of it: seconds of CPU, the lengths of all answers together, and how often the tool was called."""

    cpu: float
    length: int
    calls: int


async def do(driver: Driver, work: Work) -> Done:
    """The work, measured."""
    gc.collect()  # what was left by the work before is not paid for by this
    Calls.taken()
    before = time.process_time()
    if work.kind == "construct":
        lengths = [bool(driver.construct()) for _ in range(work.times)]
    else:
        lengths = await several(driver.run if work.kind == "run" else driver.stream, work)
    return Done(time.process_time() - before, sum(lengths), Calls.taken())


async def several(ask: Callable[[str], Awaitable[int]], work: Work) -> list[int]:
    """One batch after the other."""
    lengths = list[int]()
    for _ in range(work.times):
        if work.at_once == 1:
            lengths.append(await ask(work.model))
        else:
            lengths += await asyncio.gather(*(ask(work.model) for _ in range(work.at_once)))
    return lengths


def main(name: str, base_url: str) -> None:
    """Serve stdin until it closes, all work on one event loop."""
    driver: Driver = import_module(f"drivers.{name}").Driver(base_url)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            told: dict[str, Any] = json.loads(line)
            done = runner.run(do(driver, Work(**told)))
            print(json.dumps(vars(done)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
