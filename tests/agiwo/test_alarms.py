"""Calls at times of the wall clock, while the machine sleeps or its clock is set."""

import asyncio
import os
import select
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from agent_lab import calls
from agiwo import clock
from agiwo.alarms import Alarms, alarms_of_this_loop, open_jumps
from agiwo.scheduler import AgentStateStorageConfig, Scheduler, SchedulerConfig
from scheduler_lab import DONE, agent_with, model_of, nap

pytestmark = pytest.mark.anyio

HOUR = 3600.0


class Laptop:
    """A machine with a lid: when that is opened again, time has gone by, and the clock is said to have jumped."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self.jumps, self._tell = os.pipe()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        os.write(self._tell, b"jumped")

    def close(self) -> None:
        os.close(self.jumps)
        os.close(self._tell)


@pytest.fixture
def laptop() -> Generator[Laptop]:
    laptop = Laptop()
    yield laptop
    laptop.close()


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_came_due_while_the_machine_slept_happens_at_once_and_once(laptop: Laptop) -> None:
    alarms, rung = Alarms(laptop.jumps), list[str]()
    alarms.at(laptop.time + HOUR, lambda: rung.append("due"), laptop.now)
    alarms.at(laptop.time + HOUR, lambda: rung.append("cancelled"), laptop.now).cancel()
    kept = alarms.at(laptop.time + 2 * HOUR + 1, lambda: rung.append("early"), laptop.now)
    laptop.sleep(HOUR)
    await turns()
    laptop.sleep(HOUR)
    await turns()
    assert rung == ["due"]
    kept.cancel()
    asyncio.get_running_loop().remove_reader(laptop.jumps)


async def test_a_clock_that_is_set_back_delays_nothing(laptop: Laptop) -> None:
    alarms, rung = Alarms(laptop.jumps), asyncio.Event()
    alarms.at(laptop.time + 0.01, rung.set, laptop.now)
    laptop.sleep(-HOUR)
    await asyncio.wait_for(rung.wait(), 60)
    asyncio.get_running_loop().remove_reader(laptop.jumps)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of jumps")
async def test_the_system_tells_of_jumps_and_there_are_none_by_themselves() -> None:
    jumps = open_jumps()
    assert jumps is not None
    assert select.select([jumps], [], [], 0) == ([], [], [])
    os.close(jumps)


async def test_a_loop_has_one_clock_to_watch_however_many_alarms() -> None:
    assert alarms_of_this_loop() is alarms_of_this_loop()


async def test_an_agent_that_slept_while_the_machine_did_wakes_once_when_it_is_opened_and_is_told(
    tmp_path: Path, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms = Alarms(laptop.jumps)
    monkeypatch.setattr(clock, "alarms_of_this_loop", lambda: alarms)
    monkeypatch.setattr(clock.SystemClock, "now", staticmethod(laptop.now))
    storage = AgentStateStorageConfig("sqlite", {"db_path": tmp_path / "s.db"})
    async with Scheduler(SchedulerConfig(storage)) as scheduler:
        agent = agent_with({"go": [calls(nap("timer", delay_seconds=1, time_unit="hours")), DONE]})
        await scheduler.submit(agent, "go")
        await (await scheduler.start()).at_rest()
        laptop.sleep(3 * HOUR)
        assert (await scheduler.wait_for("root", timeout=60)).response == "Done."
    assert model_of(agent).told("go") == [
        "Woken: 3600 seconds are over.\nThat was due 7,200 seconds ago, when nobody was there to wake you."
    ]
    asyncio.get_running_loop().remove_reader(laptop.jumps)
