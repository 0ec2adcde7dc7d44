"""The rules of scheduled agents, small enough to be seen to be right: no runs, no records, no waiting. Runs nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agiwo.scheduler import TaskLimits

Status = Literal["queued", "thinking", "asleep", "completed", "failed", "cancelled"]

LAST = "the last word"
OVER: tuple[Status, ...] = ("completed", "failed", "cancelled")


@dataclass
class Spawn:
    """What an agent may do: start another one that does `task`, under this id."""

    id: str
    task: str


@dataclass
class Sleep:
    """What an agent may do: wait for these agents (None: for all that are new), or for a time when there is no mode."""

    ids: tuple[str, ...] | None
    mode: Literal["all", "any"] | None
    seconds: float


@dataclass(eq=False)
class Job:
    """A task that an agent was given. `told` is what its last calls gave, when it is thinking."""

    name: str
    agent: "Actor"
    status: Status = "queued"
    outcome: str | None = None
    told: list[str] = field(default_factory=list[str])
    wakes: int = 0
    rests_no_more: bool = False
    sleep: Sleep | None = None
    waits: Mapping[str, "Job"] = field(default_factory=dict[str, "Job"])
    deadline: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status in OVER


@dataclass(eq=False)
class Actor:
    """An agent: its tasks, and those below it that it knows of."""

    id: str
    parent: str | None = None
    depth: int = 0
    persistent: bool = False
    phase: Literal["open", "closing", "cancelled"] = "open"
    jobs: list[Job] = field(default_factory=list[Job])
    known: dict[str, Job] = field(default_factory=dict[str, Job])
    told: set[str] = field(default_factory=set[str])

    @property
    def current(self) -> Job:
        """The task that it is at, or was at last."""
        return next((job for job in self.jobs if not job.is_over), self.jobs[-1])

    @property
    def status(self) -> str:
        """As the scheduler calls it."""
        if self.phase == "cancelled":
            return "cancelled"
        if self.persistent and self.phase == "open" and self.current.is_over:
            return "sleeping"
        return {"queued": "pending", "thinking": "running", "asleep": "sleeping"}.get(
            self.current.status, self.current.status
        )

    @property
    def is_active(self) -> bool:
        """Whether it has something to do, or waits for it."""
        return self.status not in OVER


class World:
    """All agents, and what becomes of them."""

    def __init__(self, limits: TaskLimits, now: float) -> None:
        self.limits, self.now = limits, now
        self.actors: dict[str, Actor] = {}

    def jobs(self, status: Status) -> list[Job]:
        """The tasks that stand there."""
        return [job for actor in self.actors.values() for job in actor.jobs if job.status == status]

    # What is done from outside

    def submit(self, id: str, task: str, *, persistent: bool) -> bool:
        """Begin with a task; False while there is an agent of that id with something to do."""
        if id in self.actors and self.actors[id].is_active:
            return False
        self.actors[id] = Actor(id, persistent=persistent)
        self._give(self.actors[id], Job(task, self.actors[id]))
        return True

    def submit_task(self, id: str, task: str) -> bool:
        """Give another task; False when none is taken."""
        actor = self.actors[id]
        if not actor.persistent or actor.phase != "open":
            return False
        self._give(actor, Job(task, actor))
        return True

    def cancel(self, id: str, reason: str) -> bool:
        """End an agent and all below it; False when there is nothing to end."""
        actor = self.actors[id]
        if actor.phase == "cancelled":
            return False
        going = [job for each in self._tree(actor) for job in each.jobs if not job.is_over]
        done = bool(going)
        if actor.persistent and (going or actor.phase == "open"):
            actor.phase, done = "cancelled", True
        self._end_all(going, lambda job: ("cancelled", reason))
        return done

    def shutdown(self, id: str) -> bool:
        """Let an agent and all below it sleep no more, and say a last word; False when it is over or shut down."""
        actor = self.actors[id]
        if actor.phase != "open" or not actor.is_active:
            return False
        jobs = [job for each in self._tree(actor) for job in each.jobs if not job.is_over]
        self._end_all([job for job in jobs if job.status == "queued"], lambda job: ("cancelled", "shut down"))
        for job in jobs:
            job.rests_no_more = True
        asleep = [job for job in jobs if job.status == "asleep"]
        if actor.persistent:
            actor.phase = "closing"
            actor.jobs.append(Job(LAST, actor))
        self._end_all(asleep, lambda job: ("completed", f"{job.name}: summed up."))
        self._begin_next(actor)
        return True

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        for job in sorted(self.jobs("asleep"), key=lambda job: job.deadline):
            if job.deadline <= self.now:
                self._wake(job)

    # What an agent does

    def act(self, job: Job, calls: Sequence[Spawn | Sleep]) -> None:
        """Let an agent make these calls of one answer: at most one sleep, which comes last."""
        told = {place: self._spawn(job, call, calls[:place]) for place, call in enumerate(calls) if type(call) is Spawn}
        job.told = [told.get(place, "") for place in range(len(calls))]
        for call in calls:
            if isinstance(call, Sleep):
                self._sleep(job, call)

    def answer(self, job: Job, status: Literal["completed", "failed"], said: str) -> None:
        """Let an agent give its last answer, or fail."""
        self._end_all([job], lambda job: (status, said))

    def _spawn(self, job: Job, spawn: Spawn, before: Sequence[Spawn | Sleep]) -> str:
        actor, limits = job.agent, self.limits
        if actor.depth >= limits.max_depth:
            return f"Error: agents may start each other {limits.max_depth} levels deep, and that depth is reached"
        beside = [child for child in actor.known.values() if child.name in job_names(before)]
        earlier = [child for child in actor.known.values() if child.name not in job_names(before)]
        going = len(beside) + sum(not child.is_over for child in earlier)
        if going >= limits.max_children_per_agent:
            return (
                f"Error: {going} agents that you started have not ended, and there may be no more: wait for one of them"
            )
        there = self.actors.get(spawn.id)
        if there and there.parent != actor.id:
            return f"Error: there is another agent with the id {spawn.id!r}"
        if there and not there.current.is_over:
            return f"Error: the agent {spawn.id!r} is still at work"
        child = self.actors[spawn.id] = Actor(spawn.id, actor.id, actor.depth + 1)
        work = Job(spawn.task, child, rests_no_more=job.rests_no_more)
        self._give(child, work)
        actor.known[spawn.id] = work
        actor.told.discard(spawn.id)
        return f"Started the agent {spawn.id!r}. It works on its own; sleep_and_wait tells you how it ended."

    def _sleep(self, job: Job, sleep: Sleep) -> None:
        actor, place = job.agent, job.told.index("")
        if job.wakes >= self.limits.max_wake_count:
            job.told[place] = (
                f"Error: you were woken {job.wakes} times in this task, and that is the limit: finish it now"
            )
            return
        job.waits = {}
        if sleep.mode:
            ids = sleep.ids or tuple(id for id in actor.known if id not in actor.told)
            if not ids:
                why = "you were told how each of them ended" if actor.known else "you have started none"
                job.told[place] = f"Error: there is no agent to wait for: {why}"
                return
            if unknown := [id for id in ids if id not in actor.known]:
                yours = f"yours are {', '.join(actor.known)}" if actor.known else "you have started none"
                job.told[place] = f"Error: there is no agent {unknown[0]!r} below you; {yours}"
                return
            job.waits = {id: actor.known[id] for id in ids}
        if job.rests_no_more:
            self._end_all([job], lambda job: ("completed", f"{job.name}: summed up."))
            return
        job.status, job.sleep, job.deadline = "asleep", sleep, self.now + sleep.seconds
        self._look(job)

    # What follows

    def _give(self, actor: Actor, job: Job) -> None:
        actor.jobs.append(job)
        self._begin_next(actor)

    def _begin_next(self, actor: Actor) -> None:
        job = actor.current
        if job.status == "queued" and job.name == LAST:
            job.status, job.outcome = "completed", LAST
        elif job.status == "queued":
            job.status = "thinking"

    def _end_all(self, jobs: Sequence[Job], how: Callable[[Job], tuple[Status, str]]) -> None:
        for job in jobs:
            job.status, job.outcome = how(job)
        for job in jobs:
            self._begin_next(job.agent)
        for job in self.jobs("asleep"):
            self._look(job)

    def _look(self, job: Job) -> None:
        ended = [each.is_over for each in job.waits.values()]
        if job.sleep and job.sleep.mode and (any(ended) if job.sleep.mode == "any" else all(ended)):
            self._wake(job)

    def _wake(self, job: Job) -> None:
        assert job.sleep
        ended = [id for id, each in job.waits.items() if each.is_over]
        needed = len(job.waits) if job.sleep.mode == "all" else 1
        lines = [f"Woken: {len(ended)} of {len(job.waits)} agents have ended"]
        lines[0] += f", and the {job.sleep.seconds:g} seconds to wait are over." if len(ended) < needed else "."
        if not job.sleep.mode:
            lines = [f"Woken: {job.sleep.seconds:g} seconds are over."]
        lines += [f"[{id}] {_outcome(each)}" for id, each in job.waits.items()]
        job.told[job.told.index("")] = "\n".join(lines)
        job.agent.told.update(ended)
        job.status, job.wakes = "thinking", job.wakes + 1

    def _tree(self, actor: Actor) -> Iterator[Actor]:
        yield actor
        for child in [each for each in self.actors.values() if each.parent == actor.id]:
            yield from self._tree(child)


def job_names(calls: Sequence[Spawn | Sleep]) -> set[str]:
    """The tasks that these calls start somebody for."""
    return {call.task for call in calls if isinstance(call, Spawn)}


def _outcome(job: Job) -> str:
    said = {"completed": "{}", "failed": "failed: {}", "cancelled": "was cancelled: {}"}
    return said[job.status].format(job.outcome) if job.is_over else "is still going"
