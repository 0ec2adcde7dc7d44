"""A daemon whose disk is full, in each of its directories: it refuses, reads on, and goes on when there is room."""

import json
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from crash_lab import Memory, Refused, Rest, Teller, make_home, telling
from figures import Figures
from forked_daemons import ForkedDaemon, Forks, forking

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with forking() as forks:
        yield forks


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_home(tmp_path / "home")
    with (tmp_path / "home" / "config.toml").open("a") as config:
        config.write("\n[serve]\ndrain_seconds = 1\n")
    return tmp_path / "home"


@contextmanager
def small_disk(directory: Path) -> Generator[Path]:
    """A disk of 4 MiB in that place; gives a file that takes what room there is, once `fill` is called for it."""
    directory.mkdir(mode=0o700, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a disk can be mounted here by nobody")
    try:
        yield directory / "filler"
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def fill(filler: Path) -> None:
    """Leave no byte free."""
    with filler.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


async def refused(teller: Teller, method: str, **params: Any) -> dict[str, Any]:
    """What the daemon says when it refuses."""
    with pytest.raises(Refused) as caught:
        await teller.ask(method, **params)
    return caught.value.error["data"]


async def state(teller: Teller) -> str:
    return (await teller.ask("daemon/status"))["state"]


async def started(forks: Forks, home: Path) -> ForkedDaemon:
    daemon = await forks.start(home)
    assert await daemon.is_ready()
    return daemon


async def ended(daemon: ForkedDaemon, number: signal.Signals = signal.SIGTERM) -> None:
    daemon.kill(number)
    code, said = await daemon.end()
    assert (code, "Traceback" in said) == (0, False), said


async def goes_on_when_the_store_does(
    teller: Teller, make_full: Callable[[], None], make_room: Callable[[], None]
) -> None:
    """The story of a store that has no room, and then has."""
    done = await teller.promise("before", "run/start", agent="leaf", input="go", attach=False)
    await teller.follow(done)
    going = await teller.promise("going", "run/start", agent="worker", input="go", attach=False)
    await teller.ask("event/subscribe", topics=["daemon"])
    make_full()
    while "daemon/degraded" not in teller.told:
        data = await refused(teller, "run/start", agent="leaf", input="x" * 100_000)
        assert (data["kind"], data["retryable"]) == ("storage", True), data
    assert await state(teller) == "degraded"
    assert (await teller.ask("run/get", runId=done))["status"] == "completed"
    assert len((await teller.ask("run/events", runId=done))["events"]) == teller.memory.stream(done).seq
    assert (await refused(teller, "run/start", agent="leaf", input="go"))["kind"] == "storage"
    make_room()
    while "daemon/recovered" not in teller.told:
        await teller.listen()
    assert await state(teller) == "ready"
    after = await teller.promise("after", "run/start", agent="leaf", input="go", attach=False)
    await teller.follow(going, after)


async def test_a_full_data_directory_stops_acknowledgements_and_nothing_else(
    forks: Forks, home: Path, figures: Figures
) -> None:
    memory = Memory()
    with small_disk(home / "data") as filler:
        daemon = await started(forks, home)
        async with telling(home, memory) as teller:
            await goes_on_when_the_store_does(teller, lambda: fill(filler), filler.unlink)
            fill(filler)
            data = await refused(teller, "agent/define", agentId="more", model="auto", description="x" * 9000)
            assert data["kind"] == "storage"
            filler.unlink()
            await teller.ask("agent/define", agentId="more", model="auto", description="x" * 9000)
        await ended(daemon)
        Rest(home).hold_against(memory, figures)


async def test_files_that_may_not_grow_are_like_a_full_disk(forks: Forks, home: Path, figures: Figures) -> None:
    memory, daemon = Memory(), await started(forks, home)
    _, hard = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (size, hard))

    async with telling(home, memory) as teller:
        await goes_on_when_the_store_does(teller, lambda: limit(4096), lambda: limit(hard))
    await ended(daemon)
    Rest(home).hold_against(memory, figures)


async def test_a_full_log_directory_costs_lines_of_the_log_and_nothing_else(
    forks: Forks, home: Path, figures: Figures
) -> None:
    memory = Memory()
    (home / "config.toml").write_text('log_level = "debug"\n' + (home / "config.toml").read_text())
    with small_disk(home / "state") as filler:
        daemon = await started(forks, home)
        async with telling(home, memory) as teller:
            fill(filler)
            await teller.follow(await teller.promise("full", "run/start", agent="leaf", input="go", attach=False))
            assert await state(teller) == "ready"
            filler.unlink()
            await teller.follow(await teller.promise("room", "run/start", agent="leaf", input="go", attach=False))
        await ended(daemon)
        lines = (home / "state" / "agiwod.log").read_text().splitlines()
        assert any("lines are missing here" in line for line in lines)
        assert any("draining for" in line for line in lines)
        broken = [line for line in lines if not _is_json(line)]
        figures("broken lines of the log", len(broken), at_most=0)
    Rest(home).hold_against(memory, figures)


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


async def test_a_full_runtime_directory_lets_clients_in_and_a_daemon_that_cannot_begin_says_so(
    forks: Forks, home: Path, figures: Figures
) -> None:
    memory = Memory()
    with small_disk(home / "run") as filler:
        daemon = await started(forks, home)
        fill(filler)
        async with telling(home, memory) as teller:
            await teller.follow(await teller.promise("full", "run/start", agent="leaf", input="go", attach=False))
        await ended(daemon)
    Rest(home).hold_against(memory, figures)


@pytest.mark.parametrize("place", ["data", "state", "run"])
async def test_a_daemon_that_finds_no_room_says_so_and_begins_when_there_is(
    forks: Forks, home: Path, place: str
) -> None:
    with small_disk(home / place) as filler:
        fill(filler)
        daemon = await forks.start(home)
        if await daemon.is_ready():
            await ended(daemon)
        else:
            code, said = await daemon.end()
            assert code == 1
            assert "Traceback" not in said
            assert str(home / place) in said, said
        filler.unlink()
        await ended(await started(forks, home))
