"""The schedules of a daemon: added, listed, removed. Each is a state above one run after another, and nothing else."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from agiwo import ids
from agiwo.clock import Clock
from agiwo.durable import SPEC, STEP
from agiwo.engine.serving import ServingEngine
from agiwo.errors import Conflict, NotFound, StorageError
from agiwo.schema.record import State, StateChange
from agiwo.schema.run import RunSpec

from agiwod.runtime.agents import Agents
from agiwod.runtime.cron import CRON, FIRED, LOOK, Begun, CronProgram, Overlap, Schedule
from agiwod.runtime.events import Events
from agiwod.runtime.runs import Content
from agiwod.runtime.timetable import timetable

T = TypeVar("T")

_OPEN: Final = "open"
_REMOVED: Final = "cancelled"
_PAGE: Final = 100

Begin = Callable[[str, str, Content], Awaitable[Begun]]
"""Begins a task under the id of its state: for which agent, and which input. Once for each id."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule as it stands, and the run that sees to it at present."""

    schedule: Schedule
    run: str


class Crons:
    """The schedules; `begin` begins what is due."""

    def __init__(self, engine: ServingEngine, agents: Agents, clock: Clock, events: Events, begin: Begin) -> None:
        self._engine, self._agents, self._clock, self._events, self.begin_with = engine, agents, clock, events, begin
        self.program = CronProgram(self)

    async def add(
        self,
        agent: str,
        input: Content,
        cron: str,
        *,
        name: str | None = None,
        timezone: str | None = None,
        overlap: Overlap = "skip",
    ) -> Cron:
        """A new schedule, whose first time is still to come.

        Raises:
            NotFound: there is no such agent.
            ScheduleInvalid: the expression names no time, or there is no such time zone.
            Conflict: there is a schedule of that name.
            StorageError: the store refuses.
        """
        self._agents.get(agent)
        name, now = name or ids.fresh("cron"), self.now()
        times = timetable(cron, timezone, now)
        due = times.after(now) or now  # there is one, else this were no timetable
        schedule = Schedule(name, agent, input, times.cron, times.timezone, due, now, overlap)
        before = await self._engine.journal.state(_id(name))
        if before is not None and before.agent != CRON:
            raise Conflict(f"an agent is called {before.id!r}; choose another name")
        if before is not None and await self._is_open(before):
            raise Conflict(f"there is a schedule {name!r}; remove it first, or choose another name")
        run = ids.fresh("run")
        await self._start(run, schedule, before)
        return Cron(schedule, run)

    async def list(self, before: str | None = None, limit: int = _PAGE) -> list[Cron]:
        """Those that have a time to come, newest first; `before` is the name of the last one of the previous page.

        Raises:
            NotFound: there never was a schedule of that name.
        """
        found: list[Cron] = []
        place = before and _id(before)
        while len(found) < limit and (states := await self._page(place)):
            place = states[-1].id
            found += [await self._standing(state) for state in states if await self._is_open(state)]
        return found[:limit]

    async def _page(self, before: str | None) -> Sequence[State]:
        return await self._engine.journal.states(agent=CRON, phases=[_OPEN], before=before, limit=_PAGE)

    async def remove(self, name: str) -> None:
        """Let no other time come; what was begun goes on.

        Raises:
            NotFound: there is none of that name.
            Conflict: it was changed meanwhile.
            StorageError: the store refuses.
        """
        state = await self._engine.journal.state(_id(name))
        if state is None or not await self._is_open(state):
            raise NotFound("schedule", name)
        removed = replace(state, phase=_REMOVED, updated_at=self.now())
        await self._engine.journal.append(StateChange(removed, state.version))
        await self._engine.cancel(state.run, "the schedule was removed")

    async def _is_open(self, state: State) -> bool:
        return (state.agent, state.phase) == (CRON, _OPEN) and await self.is_going(state.run)

    async def _standing(self, state: State) -> Cron:
        """What the records of the run say."""
        records = await self._engine.journal.load(state.run)
        spec = next(record for record in records if record.key == SPEC)
        schedule = Schedule.from_json(spec.data["spec"]["plan"])
        steps = [record.data["value"] for record in records if record.type == STEP and record.key != LOOK]
        done = [value for value in steps if "due" in value]
        return Cron(schedule.after(done[-1]) if done else schedule, state.run)

    # What the schedules themselves need

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now()

    async def is_going(self, run: str) -> bool:
        """Whether the run has not ended."""
        head = await self._engine.journal.run(run)
        return head is not None and not head.status.is_terminal

    async def begin(self, schedule: Schedule) -> Begun:
        """Begin the task that is due, in a state that is named after the schedule and the time."""
        id = f"{schedule.name}@{schedule.timetable.moment(schedule.due)}"
        return await self._persist(lambda: self.begin_with(id, schedule.agent, schedule.input))

    async def renew(self, run: str, schedule: Schedule) -> None:
        """Start the run that goes on, unless the schedule was removed."""
        state = await self._engine.journal.state(_id(schedule.name))
        if state is not None and state.phase == _OPEN:
            with suppress(Conflict):  # it is being removed
                await self._persist(lambda: self._start(ids.derived("run", run, "next"), schedule, state))

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What may be done twice, done however long the store refuses: a time that has come is not lost for that."""
        while True:
            try:
                return await attempt()
            except StorageError:
                if self._engine.storage.trouble is None:
                    raise
                await self._engine.storage.well()

    def tell(self, type: str, data: Mapping[str, Any]) -> None:
        """Publish what became of a time, and log it."""
        log.log(logging.INFO if type == FIRED else logging.WARNING, "%s", type, extra=dict(data))
        self._events.publish("scheduler", type, data)

    async def _start(self, run: str, schedule: Schedule, before: State | None) -> None:
        """Start a run of the schedule, and put it under the schedule's state, in one commit."""
        session = f"{_id(schedule.name)}:{run}"  # one of its own: the run needs no history
        about = f"{schedule.agent} at {schedule.cron} ({schedule.timezone})"
        spec = RunSpec(CRON, session, about, schedule.to_json())
        version = before.version if before else 0
        state = State(_id(schedule.name), CRON, session, run, schedule.since, self.now())
        await self._engine.start(spec, run=run, changes=[StateChange(state, version)])


def _id(name: str) -> str:
    """The id of a schedule's state."""
    return f"cron:{name}"
