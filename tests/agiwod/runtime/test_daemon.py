"""The daemon's own life: ready, degraded, draining, stopped; and what is left for the next one."""

import asyncio
import os

import pytest
from agiwo.agent import Agent
from agiwo.errors import StorageError
from agiwo.journal.base import PROBE, Listener
from agiwo.journal.memory import MemoryJournal
from agiwo.schema.record import Change, Record
from agiwo.schema.run import RunStatus
from agiwo.testing import ScriptedModel
from agiwod.runtime.agents import Agents, Registered
from agiwod.runtime.daemon import Daemon, State
from agiwod.runtime.runs import Ask
from daemon_lab import PATIENCE, KeptJournal, LiveModel, running, scripted

pytestmark = pytest.mark.anyio


class FullDisk(MemoryJournal):
    """A journal that refuses while it is full."""

    is_full = False

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        if self.is_full:
            raise StorageError("the disk is full")
        return await super().append(*changes, first=first)

    async def probe(self, size: int = PROBE) -> None:
        if self.is_full:
            raise StorageError("the disk is full")


async def test_a_daemon_is_ready_once_it_started_and_stopped_once_it_is_closed() -> None:
    daemon = Daemon(MemoryJournal(), Agents([]))
    assert daemon.state == State.STARTING
    await daemon.start()
    assert (daemon.state, daemon.pid) == (State.READY, os.getpid())
    await daemon.close()
    assert daemon.state == State.STOPPED
    assert daemon.ended.is_set()


async def test_a_store_that_refuses_degrades_the_daemon_until_it_takes_writes_again() -> None:
    journal = FullDisk()
    async with running(journal=journal) as daemon:
        journal.is_full = True
        with pytest.raises(StorageError):
            await daemon.runs.start(Ask("echo", "hi"))
        assert daemon.state == State.DEGRADED
        journal.is_full = False
        async with asyncio.timeout(PATIENCE):
            while daemon.state == State.DEGRADED:  # noqa: ASYNC110 - the state has no event; each look yields
                await asyncio.sleep(0)
        run = (await daemon.runs.start(Ask("echo", "hi"))).head.run
        assert (await daemon.runs.wait(run)).head.status == RunStatus.COMPLETED


async def test_runs_whose_commits_are_refused_count_as_suspended() -> None:
    journal = FullDisk()
    agent = Agent("live", "", model := LiveModel())
    async with running(agent, journal=journal) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        await model.asked.wait()
        journal.is_full = True
        with pytest.raises(StorageError):
            await daemon.runs.start(Ask("live", "hi"))
        assert (await daemon.runs.get(run)).head.status == RunStatus.SUSPENDED
        assert [each.head.status for each in await daemon.runs.list()] == [RunStatus.SUSPENDED]
        assert await daemon.count_runs() == {RunStatus.SUSPENDED: 1}
        journal.is_full = False


async def test_a_stop_waits_for_the_runs_at_work() -> None:
    agent = Agent("live", "", model := LiveModel())
    async with running(agent) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        await model.asked.wait()
        daemon.stop(PATIENCE)
        assert daemon.state == State.DRAINING
        for _ in range(20):
            await asyncio.sleep(0)
        assert not daemon.ended.is_set()
        model.say("done", None)
        await asyncio.wait_for(daemon.ended.wait(), PATIENCE)
        assert (await daemon.runs.get(run)).head.status == RunStatus.COMPLETED


async def test_a_second_stop_does_not_wait() -> None:
    agent = Agent("live", "", model := LiveModel())
    async with running(agent) as daemon:
        await daemon.runs.start(Ask("live", "hi"))
        await model.asked.wait()
        later = daemon.stop(60)
        assert daemon.stop(0) < later
        await asyncio.wait_for(daemon.ended.wait(), PATIENCE)


async def test_a_second_drain_never_gives_more_time() -> None:
    async with running() as daemon:
        first = daemon.drain(5)
        assert daemon.drain(60) == first
        assert daemon.drain(1) < first


async def test_everybody_who_asked_is_told_of_the_drain_and_nobody_after_they_left() -> None:
    told: list[tuple[str, float]] = []
    async with running() as daemon:
        daemon.on_drain(lambda deadline: told.append(("stays", deadline)))
        leave = daemon.on_drain(lambda deadline: told.append(("leaves", deadline)))
        leave()
        deadline = daemon.drain(3)
        assert told == [("stays", deadline)]


async def test_what_one_daemon_left_unfinished_the_next_one_ends() -> None:
    journal, model = KeptJournal(), LiveModel()
    async with running(Agent("live", "", model), journal=journal) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        await model.asked.wait()
    again = Daemon(journal, Agents([Registered(scripted("live", {"text": "in the end"}))]))
    assert await again.start() == [run]
    result = (await again.runs.wait(run, PATIENCE)).result
    assert result is not None
    assert result.response == "in the end"
    await again.close()


class Leaving(ScriptedModel):
    """A model that tells when it is let go of."""

    def __post_init__(self) -> None:
        self.is_left = asyncio.Event()

    async def close(self) -> None:
        self.is_left.set()


async def test_a_run_whose_agent_is_gone_waits_for_it() -> None:
    journal, model = KeptJournal(), LiveModel()
    async with running(Agent("live", "", model), journal=journal) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        await model.asked.wait()
    async with running(scripted("other"), journal=journal) as daemon:
        async with asyncio.timeout(PATIENCE):
            while (await daemon.runs.get(run)).head.status != RunStatus.SUSPENDED:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0)
        assert await daemon.count_runs() == {RunStatus.SUSPENDED: 1}


async def test_a_run_that_waits_for_its_agent_holds_up_no_replaced_ones() -> None:
    journal, model, unused = KeptJournal(), LiveModel(), Leaving(turns=[])
    async with running(Agent("live", "", model), journal=journal) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        await model.asked.wait()
    async with running(Agent("other", "", unused), journal=journal) as daemon, asyncio.timeout(PATIENCE):
        while (await daemon.runs.get(run)).head.status != RunStatus.SUSPENDED:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)
        daemon.adopt(Agents([Registered(scripted("another"))]), daemon.models, {})
        await unused.is_left.wait()


async def test_a_daemon_lets_its_clients_have_the_end_of_the_last_run_before_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agiwod.runtime.daemon._FAREWELL", 0.1)
    model, told = LiveModel(), list[str]()
    async with running(Agent("live", "", model)) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        await model.asked.wait()

        async def farewell() -> None:
            told.append(str((await daemon.runs.head(run)).status))

        daemon.on_end(farewell)
        daemon.on_end(asyncio.Event().wait)  # somebody who never has enough
        daemon.stop(PATIENCE)
        model.say(None)
        await asyncio.wait_for(daemon.ended.wait(), PATIENCE)
        assert told == ["completed"]


async def test_a_schedule_holds_up_neither_replaced_agents_nor_the_end() -> None:
    model = Leaving(turns=[{"text": "hi"}])
    async with running(Agent("old", "", model)) as daemon, asyncio.timeout(PATIENCE):
        cron = await daemon.crons.add("old", "go", "0 9 * * *")
        while (await daemon.runs.head(cron.run)).status != RunStatus.SLEEPING:  # noqa: ASYNC110 - each look yields
            await asyncio.sleep(0)
        daemon.adopt(Agents([Registered(scripted("new"))]), daemon.models, {})
        await model.is_left.wait()
        daemon.stop(PATIENCE)
        await daemon.ended.wait()
        assert [each.run for each in await daemon.crons.list()] == [cron.run]
