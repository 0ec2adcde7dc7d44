"""What watching skills costs, and how soon an edit is seen.

    uv run python -m tests.bench skills

Idle: the CPU of a process that watches a hundred skills, and two thousand, that nobody changes, as a share of a core.
An edit: from the rename that puts a file in its place until the registry has it. A storm: two thousand files changed at
once until all are seen. Torn: another process writes one file a thousand times a round, in turns as a whole and in
pieces; what a reader of the registry sees is a whole text, or it is counted.
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from agiwo.skill import SkillManager
from agiwo.skill.manager import SkillChanges
from agiwo.skill.watch import watch
from command import command
from measured import Check, Line, Report
from skill_lab import LINES, WRITER, body, write_skill

IDLE = 0.01
"""Share of a core that an idle watch may take."""

SOON = 1.0
"""Seconds in which an edit must be seen."""

_IDLE_SECONDS = 10.0
"""How long nobody changes anything."""

_WRITES = 1000
"""How often the one file is written, each round."""

NOTES = ["A share of a core is CPU of the process that watches; the rest is in time, from the edit until it is seen."]

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


async def measured(place: Path, rounds: int) -> list[Line]:
    """All figures."""
    folders = {name: place / name for name in ("hundred", "thousands", "edits", "storm", "torn")}
    for folder in folders.values():
        folder.mkdir()
    looks = await edits(folders["edits"])
    seen, not_whole = await torn(folders["torn"], rounds * _WRITES)
    assert seen, "nobody has seen any of the texts"
    hundred = await idle(folders["hundred"], 100, _IDLE_SECONDS)
    thousands = await idle(folders["thousands"], 2000, _IDLE_SECONDS)
    return [
        _held("to watch 100 skills", "of a core", hundred, IDLE),
        _held("to watch 2,000 skills", "of a core", thousands, IDLE),
        Line("an edit", "s", median(looks)),
        _held("the slowest edit", "s", max(looks), SOON),
        Line("2,000 edits at once", "s", await storm(folders["storm"], 2000)),
        _held("texts that were torn", "texts", not_whole, 0),
    ]


def _held(work: str, unit: str, figure: float, limit: float) -> Line:
    return Line(work, unit, figure, {}, [Check(unit, figure, limit)])


def measure(rounds: int) -> Report:
    """All of it, in folders that are gone afterwards."""
    with TemporaryDirectory() as place:
        return Report("Skills", asyncio.run(measured(Path(place), rounds)), (), NOTES)


if __name__ == "__main__":
    command(__doc__, measure, rounds=1)
