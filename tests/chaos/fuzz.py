"""Frames that no client should send, as many as there is time for, at a daemon of its own, over every way in.

    uv run python tests/chaos/fuzz.py [--frames 1000000] [--seed N] [--json] [--keep DIR]

Every so often a body goes over HTTP. A frame that has no answer, or two of them, or one that the protocol does not
allow ends the run: those that it may have been are written to DIR with the daemon's log, and the seed makes the same
frames again. The code is 1 then, and when a figure is out of bounds. Linux only: memory is read from /proc.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz_frames import any_recipe
from fuzz_line import Broken
from fuzz_stage import WAYS, Stage, fuzzed

BATCH: Final = 100
WARM: Final = 5_000
"""Frames after which the daemon has loaded what it loads, and its memory is counted."""

LOOK: Final = 1_000
"""Frames between two looks at how it is doing."""

FRESH: Final = 20_000
"""Frames after which all lines are opened anew."""

LONGEST_PING, LARGEST_GROWTH = 1.0, 20.0
"""Seconds, and MiB."""


@dataclass
class Figures:
    """What became of it."""

    seed: int
    frames: int = 0
    bodies: int = 0
    answers: int = 0
    seconds: float = 0
    longest_ping: float = 0
    memory: float = 0
    growth: float = 0
    faults: int = 0
    broken: str = ""

    @property
    def are_good(self) -> bool:
        """Whether everything is within its bounds."""
        is_well = self.longest_ping <= LONGEST_PING and self.growth <= LARGEST_GROWTH
        return is_well and not self.faults and not self.broken


def fuzz(stage: Stage, frames: int, figures: Figures, keep: Path) -> None:
    """Send them, and note how it goes; ends at the first promise that is broken."""
    random, began = Random(figures.seed), time.monotonic()
    try:
        while figures.frames < frames:
            if figures.frames % FRESH == 0:
                stage.hang_up()
            said = [any_recipe(random).frame() for _ in range(BATCH)]
            figures.answers += len(stage.line(random.choice(WAYS)).converse(said))
            figures.frames += BATCH
            if figures.frames % LOOK == 0:
                stage.post(said[0])
                figures.bodies += 1
                look(stage, figures, time.monotonic() - began)
    except Broken as broken:
        figures.broken = str(broken)
        write(keep, broken.frames, stage.log)
    figures.faults = len(stage.faults())


def look(stage: Stage, figures: Figures, seconds: float) -> None:
    """How it is doing."""
    figures.seconds = seconds
    figures.longest_ping = max(figures.longest_ping, stage.ping_seconds())
    memory = stage.memory()
    if figures.frames <= WARM:
        figures.memory = memory
    figures.growth = memory - figures.memory
    if figures.frames % (10 * LOOK) == 0:
        print(told(figures), file=sys.stderr, flush=True)


def told(figures: Figures) -> str:
    """The figures in a line."""
    pace = figures.frames / figures.seconds if figures.seconds else 0
    return (
        f"seed {figures.seed}: {figures.frames:,} frames and {figures.bodies:,} bodies, {figures.answers:,} answers, "
        f"{pace:.0f} a second; longest ping {figures.longest_ping:.3f} s (at most {LONGEST_PING:g}), grown by "
        f"{figures.growth:.1f} MiB from {figures.memory:.0f} (at most {LARGEST_GROWTH:g}), {figures.faults} faults"
    )


def write(keep: Path, frames: Sequence[bytes], log: bytes) -> None:
    """Keep the frames that it may have been, and what the daemon says of it."""
    keep.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        (keep / f"frame-{number}.bin").write_bytes(frame)
    (keep / "agiwod.log").write_bytes(log)
    print(f"{len(frames)} frames that it may have been, and the daemon's log, are in {keep}", file=sys.stderr)


def main(frames: int, seed: int, keep: Path, *, as_json: bool) -> int:
    """The exit code."""
    figures = Figures(seed)
    with TemporaryDirectory() as folder, fuzzed(Path(folder) / "home") as stage:
        stage.warm()
        fuzz(stage, frames, figures, keep)
    print(json.dumps(asdict(figures)) if as_json else told(figures))
    if figures.broken:
        print(f"broken: {figures.broken}\n--seed {seed} says the same again", file=sys.stderr)
    return int(not figures.are_good)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--frames", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    arguments.add_argument("--keep", type=Path, default=Path("fuzz-failure"))
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    sys.exit(main(chosen.frames, chosen.seed, chosen.keep, as_json=chosen.json))
