"""A clock that jumps by a day under a daemon, and between two of them: what is due is done once. By libfaketime.

It sets the clock of one process, and cannot have the system tell it of that; what the system tells is for
`tests/agiwo/test_alarms.py`, and hours that come twice or never are for `tests/agiwod/runtime/test_timetable.py`.
"""

import asyncio
import platform
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from debian import unpacked
from figures import Figures
from live_daemon import Line
from terminal_lab import AGIWOD, PATIENCE, Home, home_at

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.chaos,
    pytest.mark.skipif(platform.system() != "Linux", reason="libfaketime is taken from Debian"),
]

DAY = 86400.0
THREE = datetime(2027, 3, 28, 3, 0, 0, tzinfo=UTC).timestamp()
"""When something is due, each day."""

AHEAD = 8.0
"""Seconds before that in which the schedule is made."""


class Clock:
    """What a daemon takes for the time."""

    def __init__(self, home: Path) -> None:
        library = next(unpacked("libfaketime").glob("usr/lib/*/faketime/libfaketimeMT.so.1"))
        self._file = home / "time"
        self.env = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, moment: float) -> None:
        """Have it be that time now; it goes on from there."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{moment - time.time():+.3f}")
        new.replace(self._file)


@asynccontextmanager
async def serving(home: Home, clock: Clock) -> AsyncGenerator[Line]:
    """A client of a daemon that has that clock."""
    process = _serve(home, clock)
    try:
        assert process.stderr
        assert b"serves at" in process.stderr.readline()
        line = await Line.open(home.path)
        await line.ask("event/subscribe", topics=["scheduler"])
        yield line
        line.cut()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def _serve(home: Home, clock: Clock) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([AGIWOD, "serve"], stderr=subprocess.PIPE, env={**home.env, **clock.env})


async def until_fired(line: Line, times: int) -> None:
    """Return when the schedule has begun its task so often. Whoever asks may miss what is said meanwhile: ask again."""
    async with asyncio.timeout(PATIENCE):
        while await _count(line) < times:
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await _hear(line, lambda said: said.get("method") == "daemon/event")


async def _count(line: Line) -> int:
    id = line.send("scheduler/listCrons")
    return (await _hear(line, lambda said: said.get("id") == id))["result"]["crons"][0]["fired"]


async def _hear(line: Line, is_it: Callable[[Any], bool]) -> Any:
    while not is_it(said := await line.frame()):
        pass
    return said


async def test_what_is_due_is_done_once_whichever_way_the_clock_jumps(tmp_path: Path, figures: Figures) -> None:
    with home_at(tmp_path / "home") as home:
        clock = Clock(home.path)
        clock.set(THREE - 60)
        async with serving(home, clock) as line:
            clock.set(THREE - AHEAD)
            added = await line.ask("scheduler/addCron", agent="quick", input="go", cron="0 3 * * *", timezone="UTC")
            assert added["result"]["nextAt"].startswith("2027-03-28T03:00:00")
            while not (await line.ask("run/list", statuses=["sleeping"]))["result"]["runs"]:
                pass  # until then nobody waits for a time that could jump away
            begun = time.monotonic()
            clock.set(THREE - DAY)
            await until_fired(line, 1)
            figures("from a jump back to what was due soon", time.monotonic() - begun, "s", at_most=AHEAD + PATIENCE)
            figures("firings after a day back", await _count(line), at_least=1, at_most=1)
        clock.set(THREE + 3 * DAY + 60)
        async with serving(home, clock) as line:
            await until_fired(line, 2)
            figures("firings after three days forth", await _count(line), at_least=2, at_most=2)
        clock.set(THREE + 2 * DAY)
        async with serving(home, clock) as line:
            figures("firings after a day back again", await _count(line), at_least=2, at_most=2)
