"""A real daemon that dies at every named point of its life, and the next one that takes over."""

import asyncio
import copy
import shutil
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from agiwo.failpoint import POINTS
from agiwo.journal.schema import MIGRATIONS
from crash_lab import Gone, Memory, Rest, Teller, make_home, telling
from figures import Figures
from forked_daemons import ForkedDaemon, Forks, forking

pytestmark = pytest.mark.anyio

Story = Callable[[Teller], Awaitable[None]]
"""What a client does in one life of a daemon: all of it again in the next one, when the daemon dies meanwhile."""


@dataclass(frozen=True)
class Left:
    """A home as a killed daemon left it, and what its client remembers."""

    home: Path
    memory: Memory

    def copied(self, place: Path) -> "Left":
        shutil.copytree(self.home, place, ignore=shutil.ignore_patterns("run", "says"))
        return Left(place, copy.deepcopy(self.memory))


async def usual(teller: Teller, name: str = "") -> None:
    """Agents that start others, sleep, wake, run tools and are cancelled, and the definition of one more."""
    await teller.ask("agent/define", agentId="more", model="auto", description=f"One more: {name}.")
    await teller.promise(f"late {name}", "scheduler/submit", agent="root", input="go")
    await teller.promise(f"worker {name}", "run/start", agent="worker", input="go", attach=False)
    patient = await teller.promise(f"patient {name}", "run/start", agent="patient", input="wait", attach=False)
    if not teller.memory.stream(patient).is_over:
        await teller.attach(patient)
        await teller.hear(patient, "item/delta", "run/cancelled")
    await teller.ask("run/cancel", runId=patient)
    await the_rest(teller)


async def the_rest(teller: Teller) -> None:
    """Whatever was promised to the client in any life."""
    await teller.follow(*teller.memory.runs)


async def long(teller: Teller) -> None:
    """An agent whose tool gives more than fits into an item, or into a WAL."""
    await teller.follow(await teller.promise("reader", "run/start", agent="reader", input="go", attach=False))


STORIES: dict[str, Story] = {
    **dict.fromkeys(POINTS, usual),
    **dict.fromkeys(("blob/stored", "checkpoint/before", "checkpoint/made"), long),
    **dict.fromkeys(("migration/copied", "migration/written", "migration/made"), the_rest),
}
USUAL = sorted((point for point in POINTS if STORIES[point] is usual), key="wake/rebuilt".__ne__)
"""The points of one life after the other; first the one that needs an agent which slept when the last one ended."""


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with forking() as forks:
        yield forks


@pytest.fixture(scope="module")
def sleeping(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Left:
    """One agent slept when the daemon was killed, and another one was at work."""
    return asyncio.run(begun(forks, tmp_path_factory.mktemp("sleeping") / "home"))


@pytest.fixture(scope="module")
def outdated(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Left:
    """A run was unfinished when the daemon was killed, and the file is one of the first version."""
    left = asyncio.run(begun(forks, tmp_path_factory.mktemp("outdated") / "home", sleeps=False))
    make_old(left.home / "data" / "agiwod.db")
    return left


async def begun(forks: Forks, home: Path, *, sleeps: bool = True) -> Left:
    make_home(home)
    memory = Memory()
    daemon = await forks.start(home)
    assert await daemon.is_ready()
    async with telling(home, memory) as teller:
        if sleeps:
            early = await teller.promise("early", "scheduler/submit", agent="root", input="go")
            await teller.attach(early)
            await teller.hear(early, "run/woken")
            await teller.hear(early, "run/sleeping")
        unfinished = await teller.promise("unfinished", "run/start", agent="worker", input="go", attach=False)
        await teller.attach(unfinished)
        await teller.hear(unfinished, "item/completed")
        daemon.kill()
        await daemon.end()
    return Left(home, memory)


def make_old(path: Path) -> None:
    """Put what the file has into tables of the first version."""
    older = path.with_name("old.db")
    with closing(sqlite3.connect(older, isolation_level=None)) as database:
        database.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
        database.execute("ATTACH ? AS new", (str(path),))
        for (table,) in database.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            columns = ", ".join(row[1] for row in database.execute(f"PRAGMA main.table_info({table})"))
            database.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
    for each in path.parent.glob(f"{path.name}-*"):
        each.unlink()
    older.replace(path)


async def live(daemon: ForkedDaemon, memory: Memory, story: Story) -> int:
    """Tell the story to a daemon and let it drain; the code with which it ended, whenever that was."""
    with suppress(Gone):
        if await daemon.is_ready():
            async with telling(daemon.home, memory) as teller:
                await story(teller)
                daemon.kill(signal.SIGTERM)
    code, said = await daemon.end()
    assert "Traceback" not in said
    return code


async def survives(forks: Forks, left: Left, story: Story, failpoint: str, figures: Figures) -> int:
    """How the first of two daemons ended: the one that dies at that point, if it comes by it."""
    first = await live(await forks.start(left.home, AGIWOD_FAILPOINT=failpoint), left.memory, story)
    if first != 0:
        assert await live(await forks.start(left.home), left.memory, story) == 0
    rest = Rest(left.home)
    rest.hold_against(left.memory, figures)
    assert set(rest.runs.values()) <= {"completed", "cancelled"}, rest.runs
    return first


@pytest.mark.chaos
async def test_nothing_is_lost_or_doubled_wherever_one_daemon_after_the_other_dies(
    forks: Forks, sleeping: Left, tmp_path: Path, figures: Figures
) -> None:
    left = sleeping.copied(tmp_path / "home")
    for point in USUAL:
        daemon = await forks.start(left.home, AGIWOD_FAILPOINT=point)
        assert await live(daemon, left.memory, partial(usual, name=point)) == -signal.SIGKILL, point
    figures("points of its life at which a daemon died", len(USUAL), at_least=len(POINTS) - 6)
    assert await survives(forks, left, the_rest, "", figures) == 0


def chosen(point: str, sleeping: Left, outdated: Left) -> Left:
    return outdated if point.startswith("migration/") else sleeping


@pytest.mark.chaos
@pytest.mark.parametrize("point", sorted(POINTS.keys() - USUAL))
async def test_nothing_is_lost_or_doubled_when_a_daemon_dies_at(
    point: str, forks: Forks, sleeping: Left, outdated: Left, tmp_path: Path, figures: Figures
) -> None:
    left = chosen(point, sleeping, outdated).copied(tmp_path / "home")
    assert await survives(forks, left, STORIES[point], point, figures) == -signal.SIGKILL


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("point", POINTS)
async def test_nothing_is_lost_or_doubled_however_often_a_daemon_came_by_before_it_dies_at(
    point: str, forks: Forks, sleeping: Left, outdated: Left, tmp_path: Path, figures: Figures
) -> None:
    deaths = 0
    left = chosen(point, sleeping, outdated).copied(tmp_path / "0")
    while await survives(forks, left, STORIES[point], f"{point}:{deaths + 1}", figures) != 0:
        deaths += 1
        shutil.rmtree(left.home)
        left = chosen(point, sleeping, outdated).copied(tmp_path / str(deaths))
    figures("deaths", deaths, at_least=1)
