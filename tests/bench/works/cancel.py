"""How soon a cancelled run has ended, wherever it was cancelled: from the wish to its terminal event.

    uv run python -m tests.bench cancel

A run with everything to wait for (`cancel_stage`) is cancelled in many turns of its event loop, on each
wire, by its handle and by cancelling the caller: in every tenth, and in each round in others. Pauses are jumped over,
and count as if they had been waited for; of the rest counts the processor's time. After each of them the session's
next message is answered, or the bench fails. Provider and agent share one process and its time.
"""

import asyncio
from itertools import chain
from statistics import median

from cancel_stage import WIRES, Stage, Way, stage
from command import command
from jumping_loop import JumpingLoop
from measured import Check, Line, Report

LIMIT = 100.0
"""Milliseconds that the median may be."""

WAYS: tuple[Way, ...] = ("handle", "caller")
STEP = 10
"""Turns from one that is tried to the next."""

NOTES = ["From the wish to the terminal event, in CPU and pauses; wished in every tenth turn of the event loop."]


def line(wire: str, seconds: list[float]) -> Line:
    """The figures of one wire."""
    ordered = sorted(1000 * each for each in seconds)
    middle, late = median(ordered), ordered[len(ordered) * 99 // 100]
    return Line(wire, "ms", middle, {"p99": late}, [Check("ms", middle, LIMIT)], "p99")


async def measured(wire: str, rounds: int) -> list[float]:
    """Seconds of each cancel on that wire."""
    async with stage(wire) as it:
        turns, _ = await it.undisturbed()
        return [each for way in WAYS for each in await _in_way(it, way, turns, rounds)]


async def _in_way(it: Stage, way: Way, turns: int, rounds: int) -> list[float]:
    chosen = chain.from_iterable(range(first, turns, STEP) for first in range(rounds))
    return [each.seconds for turn in chosen if (each := await it.cancel(turn, way))]


def measure(rounds: int) -> Report:
    """A line a wire, and one for all."""
    seconds: dict[str, list[float]] = {}
    for wire in WIRES:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            seconds[wire] = runner.run(measured(wire, rounds))
    lines = [line(wire, each) for wire, each in seconds.items()]
    return Report("Cancelling", [*lines, line("all wires", list(chain.from_iterable(seconds.values())))], (), NOTES)


if __name__ == "__main__":
    command(__doc__, measure, rounds=1)
