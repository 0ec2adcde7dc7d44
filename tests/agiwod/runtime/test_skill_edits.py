"""Skills under a storm: thousands of edits, thousands of directories, and what watching costs when nothing happens."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from agiwo.skill import SkillManager
from agiwo.skill.manager import SkillChanges
from agiwo.skill.watch import watch
from skill_lab import LINES, WRITER, body, write_skill

pytestmark = [pytest.mark.anyio, pytest.mark.soak]

PATIENCE = 60.0
EDITS = 10_000


class Watched:
    """A manager that is watched, and what was told of it."""

    def __init__(self, folder: Path) -> None:
        self.manager = SkillManager([folder], is_watched=True)
        self.told: list[SkillChanges] = []
        self._news = asyncio.Event()

    def tell(self, changes: SkillChanges) -> None:
        self.told.append(changes)
        self._news.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                await self._news.wait()
                self._news.clear()


@asynccontextmanager
async def watching(folder: Path) -> AsyncGenerator[Watched]:
    watched = Watched(folder)
    await watched.manager.initialize()
    task = asyncio.create_task(watch(watched.manager, watched.tell))
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_no_reader_sees_half_of_ten_thousand_edits(tmp_path: Path) -> None:
    root = write_skill(tmp_path, "busy", body(0))
    command = (sys.executable, "-c", WRITER, str(root), str(EDITS), str(LINES))
    async with watching(tmp_path) as watched:
        writer = await asyncio.create_subprocess_exec(*command)
        seen = set[str]()
        async with asyncio.timeout(PATIENCE):
            while writer.returncode is None or body(EDITS) not in seen:
                seen |= {skill.body for skill in watched.manager.registry}
                await asyncio.sleep(0)
    assert [text for text in seen if text != "\n".join([text.partition("\n")[0]] * LINES)] == []
    assert not any(changes.removed or changes.faults for changes in watched.told)


async def test_two_thousand_directories_that_change_at_once_are_all_seen(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        for number in range(2000):
            write_skill(tmp_path, f"s{number}")
        await watched.until(lambda: len(watched.manager.registry) == 2000)
        for number in range(2000):
            write_skill(tmp_path, f"s{number}", "Another text.")
        await watched.until(lambda: {skill.body for skill in watched.manager.registry} == {"Another text."})


async def test_watching_costs_less_than_a_hundredth_of_a_core_when_nothing_happens(tmp_path: Path) -> None:
    for number in range(100):
        write_skill(tmp_path, f"s{number}")
    async with watching(tmp_path):
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.Event().wait()
        began, used = time.monotonic(), time.process_time()
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                await asyncio.Event().wait()
        assert (time.process_time() - used) / (time.monotonic() - began) < 0.01
