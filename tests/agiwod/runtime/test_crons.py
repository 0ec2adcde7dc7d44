"""Schedules: they fire at their times, over restarts and for as long as one likes, and never two times at once."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest
from agiwo import ids
from agiwo.durable import DurableContext, Program
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.errors import Conflict, NotFound
from agiwo.journal.base import Listener
from agiwo.journal.memory import MemoryJournal
from agiwo.schema.record import Change, Record, State, StateChange
from agiwo.schema.run import RunSpec, RunStatus
from agiwo.testing import FrozenClock
from agiwod.runtime.cron import CRON, FIRINGS, Begun
from agiwod.runtime.crons import Crons
from agiwod.runtime.errors import ScheduleInvalid
from agiwod.runtime.events import Events
from agiwod.runtime.runs import Content
from daemon_lab import OwnPrograms, scripted
from engine_lab import Tiny
from engine_tape import Tape

pytestmark = pytest.mark.anyio

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC).timestamp()
HOURLY = "0 * * * *"


class Stage:
    """An engine, a clock that stands still, and a task that ends when it is told to."""

    def __init__(self, tape: Tape | None = None) -> None:
        self.tape = tape or Tape(MemoryJournal())
        self.clock = FrozenClock(NINE)
        self.begun: list[str] = []
        self.waits = False
        self.events = Events(self.clock.now)
        self._open()

    def _open(self) -> None:
        self.own: dict[str, Program] = {"worker": Tiny(self._work)}
        agents = OwnPrograms([scripted("worker")], self.own)
        self.engine = EmbeddedEngine(self.tape, agents, clock=self.clock)
        self.crons = Crons(self.engine, agents, self.clock, self.events, self._begin)
        self.own[CRON] = self.crons.program

    async def _work(self, ctx: DurableContext) -> Any:
        return self.waits and await ctx.receive("end", "end")

    async def _begin(self, id: str, agent: str, input: Content) -> Begun:
        run = await self.engine.submit(RunSpec(agent, id, input), run=ids.derived("run", id))
        self.begun.append(id)
        return Begun(id, run)

    async def advance(self, seconds: float) -> None:
        await self.tape.settle()
        self.clock.advance(seconds)
        await self.tape.settle()

    async def restart(self, *, after: float = 0.0) -> None:
        """Let the process die, and the next one take over some time later."""
        await self.tape.settle()
        await self.engine.close()
        self.clock.advance(after)
        self._open()
        await self.engine.recover()
        await self.advance(0)

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """What was told of the times, without when."""
        return [
            (each.type, {key: value for key, value in each.data.items() if key not in ("at", "dueAt", "runId")})
            for each in self.events.since(0)
        ]


@pytest.fixture
async def stage() -> AsyncGenerator[Stage]:
    stage = Stage()
    yield stage
    await stage.engine.close()


async def test_a_schedule_begins_its_task_at_each_time_and_at_no_other(stage: Stage) -> None:
    found = await stage.crons.add("worker", "go", HOURLY, name="hourly", timezone="UTC")
    assert (found.schedule.due, found.schedule.fired) == (NINE + 3600, 0)
    await stage.advance(3599.999)
    assert stage.begun == []
    await stage.advance(0.001)
    await stage.advance(3600)
    assert stage.begun == ["hourly@2026-11-23T10:00:00+00:00", "hourly@2026-11-23T11:00:00+00:00"]
    (standing,) = await stage.crons.list()
    assert (standing.schedule.due, standing.schedule.fired) == (NINE + 3 * 3600, 2)
    assert stage.told() == [
        ("cron/fired", {"cronId": "hourly", "stateId": "hourly@2026-11-23T10:00:00+00:00"}),
        ("cron/fired", {"cronId": "hourly", "stateId": "hourly@2026-11-23T11:00:00+00:00"}),
    ]


async def test_between_two_times_a_schedule_is_a_run_that_sleeps(stage: Stage) -> None:
    found = await stage.crons.add("worker", "go", HOURLY, timezone="UTC")
    await stage.tape.settle()
    head = await stage.engine.head(found.run)
    assert (head.agent, head.status) == (CRON, RunStatus.SLEEPING)


async def test_a_schedule_goes_on_after_a_restart(stage: Stage) -> None:
    await stage.crons.add("worker", "go", HOURLY, name="hourly", timezone="UTC")
    await stage.advance(3600)
    await stage.restart(after=1800)
    await stage.advance(1799)
    assert len(stage.begun) == 1
    await stage.advance(1)
    assert stage.begun[1:] == ["hourly@2026-11-23T11:00:00+00:00"]


async def test_times_that_were_missed_are_one_firing_that_says_how_late_it_is(stage: Stage) -> None:
    await stage.crons.add("worker", "go", HOURLY, name="hourly", timezone="UTC")
    await stage.restart(after=4 * 3600 + 60)
    assert stage.begun == ["hourly@2026-11-23T10:00:00+00:00"]
    assert stage.told()[0][1]["late"] == 3 * 3600 + 60
    await stage.advance(3539)
    assert len(stage.begun) == 1
    await stage.advance(1)
    assert stage.begun[1:] == ["hourly@2026-11-23T14:00:00+00:00"]
    assert "late" not in stage.told()[1][1]


async def test_a_time_is_skipped_while_the_task_of_the_one_before_is_at_work(stage: Stage) -> None:
    stage.waits = True
    await stage.crons.add("worker", "go", HOURLY, name="hourly", timezone="UTC")
    await stage.advance(3600)
    await stage.advance(3600)
    assert len(stage.begun) == 1
    assert stage.told()[1] == ("cron/skipped", {"cronId": "hourly"})
    await stage.engine.send(ids.derived("run", stage.begun[0]), "m", "end", {})
    await stage.advance(3600)
    assert stage.begun[1:] == ["hourly@2026-11-23T12:00:00+00:00"]
    assert (await stage.crons.list())[0].schedule.fired == 2


async def test_a_task_that_has_to_queue_begins_once_the_one_before_has_ended(stage: Stage) -> None:
    stage.waits = True
    await stage.crons.add("worker", "go", HOURLY, name="hourly", timezone="UTC", overlap="queue")
    await stage.advance(3600)
    await stage.advance(3600)
    await stage.advance(3 * 3600 - 60)
    assert len(stage.begun) == 1
    await stage.engine.send(ids.derived("run", stage.begun[0]), "m", "end", {})
    await stage.tape.settle()
    assert stage.begun[1:] == ["hourly@2026-11-23T11:00:00+00:00"]
    assert stage.told()[1][1]["late"] == 3 * 3600 - 60
    await stage.engine.send(ids.derived("run", stage.begun[1]), "m", "end", {})
    await stage.advance(60)
    assert stage.begun[2:] == ["hourly@2026-11-23T14:00:00+00:00"]


async def test_a_schedule_of_many_firings_is_one_run_after_another(stage: Stage) -> None:
    first = await stage.crons.add("worker", "go", "* * * * *", name="often", timezone="UTC")
    for _ in range(FIRINGS + 2):
        await stage.advance(60)
    assert len(set(stage.begun)) == len(stage.begun) == FIRINGS + 2
    assert (await stage.engine.head(first.run)).status == RunStatus.COMPLETED
    (second,) = await stage.crons.list()
    assert (second.run != first.run, second.schedule.fired, second.schedule.since) == (True, FIRINGS + 2, NINE)
    assert len(await stage.tape.load(second.run)) < 40
    assert len(await stage.tape.load(first.run)) < 20 * FIRINGS


class Deaf(Tape):
    """A journal of a process that dies with its n-th append: that one and what follows are never made."""

    def __init__(self, left: int) -> None:
        super().__init__(MemoryJournal())
        self.left: int | None = left

    async def append(self, *changes: Change, first: Listener | None = None) -> list[Record]:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                await asyncio.Event().wait()
        return await super().append(*changes, first=first)


async def test_wherever_the_process_dies_each_time_is_begun_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agiwod.runtime.cron.FIRINGS", 2)
    left, was_cut = 1, True
    while was_cut:
        tape = Deaf(left)
        stage = Stage(tape)
        adding = asyncio.create_task(stage.crons.add("worker", "go", "* * * * *", name="often", timezone="UTC"))
        await tape.settle()
        for _ in range(5):
            await stage.advance(60)
        was_cut, tape.left = tape.left is not None and tape.left < 0, None
        await stage.restart()
        await stage.advance(0)  # for a sleep that began only now, and is over at once
        for _ in range(3):
            await stage.advance(60)
        adding.cancel()
        runs = [head for head in await tape.runs(agent="worker") if head.status == RunStatus.COMPLETED]
        ends = await tape.states(agent=CRON)
        assert [(state.id, state.phase) for state in ends] == [("cron:often", "open")], left
        (standing,) = await stage.crons.list()
        # After the death one firing stands for all that were missed; from then on each minute has its own.
        assert standing.schedule.fired == len(runs) >= 3, left
        assert standing.schedule.due == NINE + 9 * 60, left
        await stage.engine.close()
        left += 1
    assert left > 30


async def test_a_removed_schedule_fires_no_more_and_its_name_is_free(stage: Stage) -> None:
    found = await stage.crons.add("worker", "go", HOURLY, name="hourly", timezone="UTC")
    with pytest.raises(Conflict, match="there is a schedule 'hourly'"):
        await stage.crons.add("worker", "go", HOURLY, name="hourly")
    await stage.crons.remove("hourly")
    assert await stage.crons.list() == []
    with pytest.raises(NotFound):
        await stage.crons.remove("hourly")
    await stage.advance(7200)
    assert (stage.begun, (await stage.engine.head(found.run)).status) == ([], RunStatus.CANCELLED)
    await stage.crons.add("worker", "go", HOURLY, name="hourly", timezone="UTC")
    await stage.advance(3600)
    assert len(stage.begun) == 1


async def test_a_schedule_that_is_removed_as_its_run_is_renewed_has_no_other_run(stage: Stage) -> None:
    found = await stage.crons.add("worker", "go", HOURLY, name="hourly", timezone="UTC")
    state = await stage.tape.state("cron:hourly")
    assert state
    await stage.tape.append(StateChange(state, state.version))  # somebody else changes it meanwhile
    await stage.crons.remove("hourly")
    await stage.crons.renew(found.run, found.schedule)
    assert [head.run for head in await stage.tape.runs(agent=CRON)] == [found.run]


async def test_what_cannot_be_begun_is_told_and_the_next_time_may_be_better(stage: Stage) -> None:
    await stage.crons.add("worker", "go", HOURLY, name="hourly", timezone="UTC")

    async def refuse(id: str, agent: str, input: Content) -> Begun:
        raise NotFound("agent", agent)

    begin, stage.crons.begin_with = stage.crons.begin_with, refuse
    await stage.advance(3600)
    assert stage.told() == [("cron/failed", {"cronId": "hourly", "error": "no agent 'worker'"})]
    stage.crons.begin_with = begin
    await stage.advance(3600)
    assert len(stage.begun) == 1


async def test_a_time_that_comes_while_the_store_refuses_is_not_lost(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agiwod.runtime.cron.FIRINGS", 1)
    await stage.crons.add("worker", "go", HOURLY, name="hourly", timezone="UTC")
    await stage.tape.settle()
    stage.tape.is_refusing = True
    await stage.advance(3600)
    assert stage.begun == []
    stage.tape.is_refusing = False
    await stage.engine.storage.well()
    await stage.advance(0)
    assert stage.begun == ["hourly@2026-11-23T10:00:00+00:00"]
    await stage.advance(3600)
    assert len(stage.begun) == 2


async def test_what_names_no_agent_or_no_time_is_refused(stage: Stage) -> None:
    with pytest.raises(NotFound, match="did you mean 'worker'"):
        await stage.crons.add("wroker", "go", HOURLY)
    with pytest.raises(ScheduleInvalid, match="no minute"):
        await stage.crons.add("worker", "go", "99 * * * *")
    assert await stage.crons.list() == []


async def test_an_agent_that_is_called_as_a_schedule_would_be_is_none(stage: Stage) -> None:
    spec = RunSpec("worker", "s", "go", state="cron:hourly")
    state = State("cron:hourly", "worker", "s", "run1", NINE, NINE)
    await stage.engine.start(spec, run="run1", changes=[StateChange(state)])
    with pytest.raises(Conflict, match="an agent is called 'cron:hourly'"):
        await stage.crons.add("worker", "go", HOURLY, name="hourly")
    with pytest.raises(NotFound):
        await stage.crons.remove("hourly")
    assert await stage.crons.list() == []


async def test_schedules_are_listed_in_pages_the_newest_first(stage: Stage) -> None:
    for name in ("a", "b", "c"):
        await stage.crons.add("worker", "go", HOURLY, name=name)
        stage.clock.advance(1)
    first = await stage.crons.list(limit=2)
    assert [each.schedule.name for each in first] == ["c", "b"]
    assert [each.schedule.name for each in await stage.crons.list("b")] == ["a"]
