"""Daemons that want the same data directory, each with a socket of its own: one has it, whatever happened before."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from crash_lab import Memory, Rest, make_home, telling
from figures import Figures
from forked_daemons import ForkedDaemon, Forks, forking

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

MANY = 12


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with forking() as forks:
        yield forks


def house(tmp_path: Path, number: int) -> Path:
    """A home with the data directory of the first one."""
    home = tmp_path / str(number)
    make_home(home)
    (tmp_path / "data").mkdir(mode=0o700, exist_ok=True)
    (home / "data").symlink_to(tmp_path / "data")
    return home


async def begun(forks: Forks, homes: list[Path]) -> tuple[list[ForkedDaemon], list[str]]:
    """Of daemons that begin at the same time: those that serve, and what the others say."""
    daemons = [await forks.start(home) for home in homes]
    ready = [await daemon.is_ready() for daemon in daemons]
    serving = [daemon for daemon, is_ready in zip(daemons, ready, strict=True) if is_ready]
    ends = [await daemon.end() for daemon in daemons if daemon not in serving]
    assert {code for code, _ in ends} <= {1}
    return serving, [said for _, said in ends]


async def test_of_many_daemons_over_one_data_directory_one_serves_and_the_others_name_it(
    forks: Forks, tmp_path: Path, figures: Figures
) -> None:
    homes = [house(tmp_path, number) for number in range(MANY)]
    for _ in range(2):  # the second time what a killed one left is there
        serving, said = await begun(forks, homes)
        figures(f"daemons of {MANY} that serve one data directory", len(serving), at_least=1, at_most=1)
        assert all(f"another daemon (pid {serving[0].pid})" in each and "Traceback" not in each for each in said), said
        serving[0].kill()
        await serving[0].end()


async def test_the_next_daemon_has_the_runs_of_the_one_that_was_killed_wherever_its_socket_is(
    forks: Forks, tmp_path: Path, figures: Figures
) -> None:
    first, second = (house(tmp_path, number) for number in range(2))
    memory = Memory()
    for home, number in ((first, signal.SIGKILL), (second, signal.SIGTERM)):
        daemon = await forks.start(home)
        assert await daemon.is_ready()
        async with telling(home, memory) as teller:
            run = await teller.promise("run", "run/start", agent="worker", input="go", attach=False)
            await teller.attach(run)
            await teller.hear(run, "item/completed")
            if home is second:
                await teller.follow(run)
            daemon.kill(number)
            assert (await daemon.end())[0] == (-9 if home is first else 0)
    noted = first / "effects.txt"  # each has its own module, which notes what its tools do
    with (second / "effects.txt").open("a") as effects:
        effects.write(noted.read_text() if noted.exists() else "")  # it may have been killed before it did anything
    Rest(second).hold_against(memory, figures)


async def test_a_daemon_refuses_the_file_of_a_newer_one_and_leaves_it_as_it_is(forks: Forks, tmp_path: Path) -> None:
    home = house(tmp_path, 0)
    path = home / "data" / "agiwod.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    daemon = await forks.start(home)
    assert not await daemon.is_ready()
    code, said = await daemon.end()
    assert (code, "newer version" in said, "Traceback" in said) == (1, True, False), said
    assert path.read_bytes() == before
