"""A schedule as a durable run: sleeps until the next time, has the task begun, and sleeps again. Knows no scheduler.

So it needs no table and no timer of its own: asleep it is a parked run, and a restart wakes it like any other. Its
history may not grow for ever, so after some firings it ends, and the same step starts the run that goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol

from agiwo.durable import DurableContext, Effect, Outcome, StepResult, StepScope
from agiwo.errors import AgiwoError
from agiwo.schema.event import RUN_SLEEPING, RUN_WOKEN, NewEvent

from agiwod.runtime.timetable import Timetable

CRON: Final = "agiwod:cron"
"""The agent of these runs; the id of no other."""

FIRED: Final = "cron/fired"
SKIPPED: Final = "cron/skipped"
FAILED: Final = "cron/failed"

LOOK: Final = "look"
"""The key of the step that comes first."""

FIRINGS: Final = 100
"""How many one run has: some hundreds of records, which are read in milliseconds."""

NOTICED: Final = 1.0
"""Seconds from which on a firing is late: a timer always needs a moment."""

CHANGING: Final = ("due", "going", "told", "fired")
"""What of a schedule is another after each time."""

Overlap = Literal["skip", "queue"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is begun when, and how far that has come. `due` is the next time, in seconds since the epoch.

    `going` is the run that was begun last, and `told` what became of the last time. `overlap` says what becomes of a
    time at which `going` is still at work: it is skipped, or begins when that one has ended; what else comes due
    meanwhile counts as one.
    """

    name: str
    agent: str
    input: str | list[dict[str, Any]]
    cron: str
    timezone: str
    due: float
    since: float
    overlap: Overlap = "skip"
    going: str | None = None
    told: Mapping[str, Any] | None = None
    fired: int = 0
    generation: int = 1

    @property
    def timetable(self) -> Timetable:
        """When."""
        return Timetable(self.cron, self.timezone)

    def after(self, done: Mapping[str, Any]) -> "Schedule":
        """The schedule as what was done at its last time leaves it."""
        return replace(self, **{name: done[name] for name in CHANGING})

    def to_json(self) -> dict[str, Any]:
        """As it stands in the plan of its run."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Schedule":
        """The inverse of `to_json`."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Begun:
    """A task that was begun: its state, and its run."""

    state: str
    run: str


class Work(Protocol):
    """What a schedule needs of the world."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def begin(self, schedule: Schedule) -> Begun:
        """Begin the task that is due; once, however often this is asked for the same time."""
        ...

    async def is_going(self, run: str) -> bool:
        """Whether that run has not ended."""
        ...

    async def renew(self, run: str, schedule: Schedule) -> None:
        """Start the run that goes on after this one; once, however often this is asked."""
        ...

    def tell(self, type: str, data: Mapping[str, Any]) -> None:
        """Say what became of a time."""
        ...


class CronProgram:
    """The program of all schedules."""

    version = "1"

    def __init__(self, work: Work) -> None:
        self._work = work
        self.effects: Mapping[str, Effect] = {"look": self._look, "fire": self._fire}

    async def main(self, ctx: DurableContext) -> Outcome:
        """Fire at each time, until the run is long enough or no time comes any more."""
        schedule = Schedule.from_json(ctx.run.spec.plan)
        seconds: float = await ctx.step(LOOK, "look", schedule.due)
        for number in range(FIRINGS):
            await _sleep(ctx, f"{number}/time", seconds)
            arg = {"schedule": schedule.to_json(), "isLast": number == FIRINGS - 1}
            done: Mapping[str, Any] = await ctx.step(f"{number}/fire", "fire", arg)
            if done.get("isWaiting"):
                await _sleep(ctx, f"{number}/turn", None, [schedule.going or ""])
                done = await ctx.step(f"{number}/fire-in-turn", "fire", arg)
            if done["due"] is None:
                return Outcome(response="no other time comes")
            seconds, schedule = done["seconds"], schedule.after(done)
        return Outcome(response="another run goes on with the schedule")

    async def _look(self, scope: StepScope, due: float) -> StepResult:
        """How many seconds it is to the next time."""
        return StepResult(max(0.0, due - self._work.now()))

    async def _fire(self, scope: StepScope, arg: Mapping[str, Any]) -> StepResult:
        """Do what the time that has come asks for, and find the next one; or say that it has to wait for its turn."""
        schedule, now = Schedule.from_json(arg["schedule"]), self._work.now()
        is_going = schedule.going is not None and await self._work.is_going(schedule.going)
        if is_going and schedule.overlap == "queue":
            return StepResult({"isWaiting": True})
        type, told = (SKIPPED, {"runId": schedule.going}) if is_going else await self._begin(schedule)
        due = schedule.timetable.after(max(schedule.due, now))
        event = NewEvent(type, {**_times(schedule, now), **told})
        self._work.tell(type, {"cronId": schedule.name, **event.data})
        following = replace(
            schedule,
            due=due or schedule.due,
            going=told.get("runId", schedule.going),
            told={"type": type, **event.data},
            fired=schedule.fired + (type == FIRED),
        )
        if arg["isLast"] and due is not None:
            await self._work.renew(scope.run.id, replace(following, generation=schedule.generation + 1))
        changed = {name: getattr(following, name) for name in CHANGING}
        return StepResult({**changed, "due": due, "seconds": max(0.0, (due or now) - now)}, [event])

    async def _begin(self, schedule: Schedule) -> tuple[str, dict[str, Any]]:
        """Begin the task; what cannot be begun is told, and the next time may be better."""
        try:
            begun = await self._work.begin(schedule)
        except AgiwoError as error:
            return FAILED, {"error": str(error)}
        return FIRED, {"stateId": begun.state, "runId": begun.run}


async def _sleep(ctx: DurableContext, key: str, seconds: float | None, runs: Sequence[str] = ()) -> None:
    """Sleep so long, or until those runs have ended."""
    timer = {} if seconds is None else {"seconds": round(seconds, 3)}
    ctx.emit(f"{key}/begun", NewEvent(RUN_SLEEPING, {**timer, "runs": list(runs)}))
    await ctx.wait(f"{key}/wait", runs, timeout=seconds)
    ctx.emit(f"{key}/over", NewEvent(RUN_WOKEN, {"by": "runs" if runs else "timer"}))


def _times(schedule: Schedule, now: float) -> dict[str, Any]:
    """When it was to be, when it is, and by how many seconds that is late."""
    late = now - schedule.due
    times = {"dueAt": schedule.timetable.moment(schedule.due), "at": schedule.timetable.moment(now)}
    return {**times, "late": round(late, 3)} if late > NOTICED else times
