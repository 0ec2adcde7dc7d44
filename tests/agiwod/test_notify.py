"""What systemd hears of a daemon, and when it hears nothing."""

import asyncio
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from agiwo.errors import StorageError
from agiwod.notify import Notify, take_notify
from agiwod.watchdog import watched

pytestmark = pytest.mark.anyio

PATIENCE = 60.0


@contextmanager
def manager(address: str) -> Generator[socket.socket]:
    """Somebody who listens as systemd does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(address)
        line.settimeout(PATIENCE)
        yield line


def heard(line: socket.socket) -> dict[str, str]:
    said = line.recv(4096).decode()
    return dict(each.split("=", 1) for each in said.splitlines())


@pytest.mark.parametrize("name", ["a file", "no file"])
def test_each_change_is_told_with_what_systemd_has_to_know(tmp_path: Path, name: str) -> None:
    address, given = (str(tmp_path / "notify"),) * 2 if name == "a file" else (f"\0{tmp_path}", f"@{tmp_path}")
    environ = {"NOTIFY_SOCKET": given, "OTHER": "stays"}
    with manager(address) as line:
        notify = take_notify(environ)
        notify.ready("/a/socket")
        assert heard(line) == {"READY": "1", "STATUS": "serves at /a/socket"}
        notify.reloading()
        reloading = heard(line)
        assert (reloading["RELOADING"], reloading["MONOTONIC_USEC"].isdigit()) == ("1", True)
        notify.stopping(30)
        assert heard(line) == {
            "STOPPING": "1",
            "EXTEND_TIMEOUT_USEC": "45000000",
            "STATUS": "waits for runs, for 30 s at most",
        }
        notify.alive()
        assert heard(line) == {"WATCHDOG": "1"}
    assert environ == {"OTHER": "stays"}


def test_a_manager_that_is_gone_or_was_never_there_disturbs_nothing(tmp_path: Path) -> None:
    for address in (str(tmp_path / "nobody"), "vsock:2:1", ""):
        take_notify({"NOTIFY_SOCKET": address}).ready("anywhere")


@pytest.mark.parametrize(
    ("environ", "patience"),
    [
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_a_watchdog_is_ours_when_it_names_us(environ: dict[str, str], patience: float | None) -> None:
    assert take_notify({"NOTIFY_SOCKET": "/nobody", **environ}).patience == patience


class Store:
    """A store that answers as it is told to."""

    def __init__(self, answer: Exception | asyncio.Event | None) -> None:
        self.answer, self.asked = answer, asyncio.Event()

    async def probe(self, size: int) -> None:
        self.asked.set()
        match self.answer:
            case asyncio.Event():
                await self.answer.wait()
            case None:
                return
            case error:
                raise error


@pytest.mark.parametrize("answer", [None, StorageError("the disk is full")])
async def test_a_store_that_answers_is_told_again_and_again(tmp_path: Path, answer: Exception | None) -> None:
    address = str(tmp_path / "notify")
    with manager(address) as line:
        async with watched(Notify(address, 0.02), Store(answer)):
            for _ in range(3):
                assert await asyncio.to_thread(heard, line) == {"WATCHDOG": "1"}


async def test_nothing_is_told_while_the_store_hangs(tmp_path: Path) -> None:
    address, disk = str(tmp_path / "notify"), asyncio.Event()
    store = Store(disk)
    with manager(address) as line:
        line.setblocking(False)
        async with watched(Notify(address, 0.02), store):
            await asyncio.wait_for(store.asked.wait(), PATIENCE)
            with pytest.raises(BlockingIOError):
                line.recv(4096)
            line.settimeout(PATIENCE)
            disk.set()
            assert await asyncio.to_thread(heard, line) == {"WATCHDOG": "1"}


async def test_without_a_watchdog_the_store_is_left_alone() -> None:
    store = Store(None)
    async with watched(Notify("/nobody"), store):
        await asyncio.sleep(0)
    assert not store.asked.is_set()
