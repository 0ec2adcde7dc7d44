"""A daemon's mixed life for a long time, measured as it goes: what it holds must not grow.

    uv run python tests/chaos/soak.py --minutes 120 [--json]

prints a line a minute, then the figures; code 1 when one is out of bounds. Only on Linux, whose /proc it reads.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import linear_regression, median

sys.path[:0] = [str(Path(__file__).parents[1])]

from held import MIB, held
from live_daemon import Line, living
from soak_life import Life, furnish

_WARM_UP = 0.25
"""The part of the time after which what is kept is kept: the logs in memory are full by then."""

_BEFORE_ANY = 2.0
"""Seconds between two samples, of which there are at least thirty."""


@dataclass(frozen=True)
class Sample:
    """The daemon at a moment, `at` seconds after the beginning; sizes in MiB."""

    at: float
    memory: float
    descriptors: int
    threads: int
    tasks: int
    wal: float
    runs: int


@dataclass(frozen=True)
class Verdict:
    """What a soak came to. Growth is that of the time after the warm-up, by a linear fit where it says so."""

    minutes: float
    runs: int
    done: dict[str, int]
    memory_at_warm_up: float
    memory_at_end: float
    memory_slope_per_hour: float
    memory_slope_per_thousand_runs: float
    descriptors_growth: float
    threads_growth: float
    tasks_growth: float
    largest_wal: float
    wrong: list[str]
    unexplained: list[str]


async def soak(home: Path, seconds: float, *, tells: bool = False) -> Verdict:
    """Let a daemon live for so long, and say how it was."""
    furnish(home)
    async with living(home, {}, (home / "config.toml").read_text()) as daemon:
        control, life = await Line.open(home), Life(home)
        living_on = asyncio.create_task(life.run())
        samples = await _watched(daemon.process.pid, control, life, living_on, seconds, tells=tells)
        life.stop()
        await living_on
        await control.close()
    return _verdict(samples, life, _unexplained(home / "state" / "agiwod.log"))


async def _watched(
    pid: int, control: Line, life: Life, living_on: "asyncio.Task[None]", seconds: float, *, tells: bool
) -> Sequence[Sample]:
    began, samples, step = time.monotonic(), list[Sample](), min(_BEFORE_ANY, seconds / 30)
    while (at := time.monotonic() - began) < seconds and not living_on.done():
        samples.append(await _sample(pid, control, life, at))
        if tells and len(samples) % 30 == 1:
            print(json.dumps(asdict(samples[-1])), file=sys.stderr, flush=True)
        await asyncio.wait({living_on}, timeout=step)
    return samples


async def _sample(pid: int, control: Line, life: Life, at: float) -> Sample:
    status = (await control.ask("daemon/status"))["result"]
    now, wal = held(pid), Path(status["dataDir"]) / "agiwod.db-wal"
    return Sample(
        at=round(at, 3),
        memory=now.memory / MIB,
        descriptors=now.descriptors,
        threads=now.threads,
        tasks=status["load"]["tasks"],
        wal=wal.stat().st_size / MIB if wal.exists() else 0.0,
        runs=life.done["run"],
    )


def _verdict(samples: Sequence[Sample], life: Life, unexplained: list[str]) -> Verdict:
    warm = samples[int(len(samples) * _WARM_UP) :]
    times, memory = [each.at for each in warm], [each.memory for each in warm]
    return Verdict(
        minutes=round(samples[-1].at / 60, 2),
        runs=life.done["run"],
        done=dict(life.done),
        memory_at_warm_up=_middle(memory[: len(memory) // 5]),
        memory_at_end=_middle(memory[-len(memory) // 5 :]),
        memory_slope_per_hour=3600 * linear_regression(times, memory).slope,
        memory_slope_per_thousand_runs=1000 * linear_regression([each.runs for each in warm], memory).slope,
        descriptors_growth=_growth([each.descriptors for each in warm]),
        threads_growth=_growth([each.threads for each in warm]),
        tasks_growth=_growth([each.tasks for each in warm]),
        largest_wal=max(each.wal for each in samples),
        wrong=life.wrong,
        unexplained=unexplained,
    )


def _growth(counts: Sequence[int]) -> float:
    """By how much the middle of the last third is above that of the first: clients come and go all the time."""
    third = max(1, len(counts) // 3)
    return _middle(counts[-third:]) - _middle(counts[:third])


def _middle(values: Sequence[float]) -> float:
    return median(values) if values else 0.0


def _unexplained(log: Path) -> list[str]:
    """The lines of the log that tell of what nobody has asked for: errors, and warnings that are not of a fault."""
    files = sorted(log.parent.glob(f"{log.name}*"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    grave = [line for line in lines if line["level"] in ("warning", "error", "critical")]
    return [f"{line['logger']}: {line['event']}" for line in grave if not line["logger"].startswith("agiwo.skill")]


def bounds(verdict: Verdict) -> list[tuple[str, float, str, float]]:
    """Each figure: what it is, how much, in what, and how much it may be at most."""
    # What is kept for the next who asks, each kind to its own bound, is full after some twenty minutes only.
    room = min(32, 8 + verdict.minutes)
    return [
        ("answers that were wrong", len(verdict.wrong), "", 0),
        ("lines in the log that nothing explains", len(verdict.unexplained), "", 0),
        ("growth of memory after the warm-up", verdict.memory_at_end - verdict.memory_at_warm_up, "MiB", room),
        ("growth of descriptors", verdict.descriptors_growth, "", 6),
        ("growth of threads", verdict.threads_growth, "", 2),
        ("growth of tasks", verdict.tasks_growth, "", 40),
        ("largest WAL", verdict.largest_wal, "MiB", 64),
    ]


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="agiwod-soak-") as home:
        verdict = asyncio.run(soak(Path(home), 60 * args.minutes, tells=True))
    out = [(what, value, unit, most) for what, value, unit, most in bounds(verdict) if value > most]
    if args.json:
        print(json.dumps(asdict(verdict), indent=2))
    else:
        for what, value, unit, most in bounds(verdict):
            print(f"{what}: {value:.4g} {unit} (at most {most:.4g})")
        print(f"slope of memory by linear fit: {verdict.memory_slope_per_hour:.3g} MiB an hour,", end=" ")
        print(f"{verdict.memory_slope_per_thousand_runs:.3g} MiB for a thousand runs")
        print(f"in {verdict.minutes:g} minutes: {verdict.done}")
    for each in (verdict.wrong + verdict.unexplained)[:20]:
        print(each, file=sys.stderr)
    return 1 if out else 0


if __name__ == "__main__":
    sys.exit(_main())
