"""What watching skills costs, and how soon an edit is seen. Not a test.

    uv run python tests/bench/skills.py [--seconds 20] [--edits 10000] [--json]

Idle: the CPU of a process that watches a hundred skills, and two thousand, that nobody changes, as a share of a core.
An edit: from the rename that puts a file in its place until the registry has it. A storm: two thousand files changed at
once until all are seen. Torn: another process writes one file as often as `--edits` says, in turns as a whole and in
pieces; what a reader of the registry sees is a whole text, or it is counted.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

from agiwo.skill import SkillManager
from agiwo.skill.manager import SkillChanges
from agiwo.skill.watch import watch

sys.path.append(str(Path(__file__).parents[1]))  # where what tests share is found

from skill_lab import LINES, WRITER, body, write_skill

IDLE = 0.01
"""Share of a core that an idle watch may take."""

SOON = 1.0
"""Seconds in which an edit must be seen."""

_SETTLED = 2.0
"""Seconds that a watch has to begin."""

_LOOKS = 40
"""Edits of which each is waited for."""


class Watched:
    """A manager that is watched; `news` is set when something was seen."""

    def __init__(self, folder: Path) -> None:
        self.manager = SkillManager([folder], is_watched=True)
        self.news = asyncio.Event()

    def tell(self, changes: SkillChanges) -> None:
        """Something has changed."""
        self.news.set()

    def bodies(self) -> set[str]:
        """The texts that there are."""
        return {skill.body for skill in self.manager.registry}

    async def until(self, bodies: set[str]) -> None:
        """Return once these are the texts."""
        while self.bodies() != bodies:
            await self.news.wait()
            self.news.clear()


@asynccontextmanager
async def watching(folder: Path) -> AsyncGenerator[Watched]:
    """A watch that has begun."""
    watched = Watched(folder)
    await watched.manager.initialize()
    task = asyncio.create_task(watch(watched.manager, watched.tell))
    await _pass(_SETTLED)
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _pass(seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


async def idle(folder: Path, skills: int, seconds: float) -> float:
    """The share of a core that it takes to watch so many skills."""
    for number in range(skills):
        write_skill(folder, f"s{number}")
    async with watching(folder):
        began, used = time.monotonic(), time.process_time()
        await _pass(seconds)
        return (time.process_time() - used) / (time.monotonic() - began)


async def edits(folder: Path) -> list[float]:
    """Seconds until each of some edits is seen."""
    write_skill(folder, "edited")
    found: list[float] = []
    async with watching(folder) as watched:
        for number in range(_LOOKS):
            began = time.monotonic()
            write_skill(folder, "edited", f"Edit {number}.")
            await watched.until({f"Edit {number}."})
            found.append(time.monotonic() - began)
    return found


async def storm(folder: Path, skills: int) -> float:
    """Seconds from the last of so many edits until all are seen."""
    for number in range(skills):
        write_skill(folder, f"s{number}")
    async with watching(folder) as watched:
        for number in range(skills):
            write_skill(folder, f"s{number}", "Another text.")
        began = time.monotonic()
        await watched.until({"Another text."})
        return time.monotonic() - began


async def torn(folder: Path, count: int) -> tuple[int, int]:
    """How many texts were seen of a file that is written so often, and how many of them were not whole."""
    root, seen = write_skill(folder, "busy", body(0)), set[str]()
    command = (sys.executable, "-c", WRITER, str(root), str(count), str(LINES))
    async with watching(folder) as watched, aclosing(_every_turn()) as turns:
        writer = await asyncio.create_subprocess_exec(*command)
        async for _ in turns:
            seen |= watched.bodies()
            if writer.returncode is not None and body(count) in seen:
                break
    return len(seen), sum(text != "\n".join([text.partition("\n")[0]] * LINES) for text in seen)


async def _every_turn() -> AsyncGenerator[None]:
    while True:
        await asyncio.sleep(0)
        yield


async def measured(place: Path, seconds: float, count: int) -> dict[str, float]:
    """All figures by name."""
    folders = {name: place / name for name in ("hundred", "thousands", "edits", "storm", "torn")}
    for folder in folders.values():
        folder.mkdir()
    looks = await edits(folders["edits"])
    seen, not_whole = await torn(folders["torn"], count)
    return {
        "idle, 100 skills (share of a core)": await idle(folders["hundred"], 100, seconds),
        "idle, 2000 skills (share of a core)": await idle(folders["thousands"], 2000, seconds),
        "an edit, median (s)": statistics.median(looks),
        "an edit, worst (s)": max(looks),
        "2000 edits at once (s)": await storm(folders["storm"], 2000),
        "texts seen of one file": seen,
        "texts that were torn": not_whole,
    }


def main(seconds: float, count: int, *, as_json: bool) -> int:
    """Measure and print; 1 when a limit is not kept."""
    with tempfile.TemporaryDirectory() as place:
        figures = asyncio.run(measured(Path(place), seconds, count))
    if as_json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:40} {value:10.4f}")
    is_idle = all(value < IDLE for name, value in figures.items() if name.startswith("idle"))
    return int(not is_idle or figures["an edit, worst (s)"] > SOON or figures["texts that were torn"] > 0)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--edits", type=int, default=10_000)
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    sys.exit(main(chosen.seconds, chosen.edits, as_json=chosen.json))
