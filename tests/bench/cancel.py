"""Milliseconds from the wish to the terminal event of a cancelled run, wherever it was cancelled. Not a test.

    uv run python tests/bench/cancel.py [--step 3] [--json]

A run with everything to wait for (`cancel_stage`) is cancelled in every `step`th turn of its event loop, on each wire,
by its handle and by cancelling the caller. Pauses are jumped over, and count as if they had been waited for; of the
rest counts the processor's time. After each of them the session's next message is answered, or the bench fails.
Provider and agent share one process and its time.
"""

import argparse
import asyncio
import json
import statistics
import sys
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # where what tests share is found

from cancel_stage import WIRES, Stage, Way, stage
from jumping_loop import JumpingLoop

LIMIT = 100.0
"""Milliseconds that the median may be."""

WAYS: tuple[Way, ...] = ("handle", "caller")


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured on one wire, in milliseconds."""

    wire: str
    cancels: int
    median: float
    p99: float
    worst: float


def line(wire: str, seconds: list[float]) -> Line:
    """The figures of one wire."""
    ordered = [1000 * each for each in sorted(seconds)]
    return Line(wire, len(ordered), statistics.median(ordered), ordered[len(ordered) * 99 // 100], ordered[-1])


async def measured(wire: str, step: int) -> list[float]:
    """Seconds of each cancel on that wire."""
    async with stage(wire) as it:
        turns, _ = await it.undisturbed()
        return [each for way in WAYS for each in await _in_way(it, way, range(0, turns, step))]


async def _in_way(it: Stage, way: Way, turns: range) -> list[float]:
    return [each.seconds for turn in turns if (each := await it.cancel(turn, way))]


def main(step: int, *, as_json: bool) -> int:
    """Measure, print a line a wire and one for all; 1 when the median of one is above the limit."""
    seconds: dict[str, list[float]] = {}
    for wire in WIRES:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            seconds[wire] = runner.run(measured(wire, step))
    lines = [line(wire, each) for wire, each in seconds.items()]
    lines.append(line("all", list(chain.from_iterable(seconds.values()))))
    if as_json:
        print(json.dumps({"limit_ms": LIMIT, "lines": [asdict(each) for each in lines]}))
    else:
        print(
            f"{'wire':10} {'cancels':>8} {'median':>10} {'p99':>10} {'worst':>10}   (ms; the median's limit: {LIMIT:g})"
        )
        for each in lines:
            print(f"{each.wire:10} {each.cancels:8} {each.median:10.2f} {each.p99:10.2f} {each.worst:10.2f}")
    return int(any(each.median > LIMIT for each in lines))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--step", type=int, default=3)
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    sys.exit(main(chosen.step, as_json=chosen.json))
