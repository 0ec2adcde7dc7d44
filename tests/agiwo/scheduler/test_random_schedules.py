"""Random lives of scheduled agents, held against the small model of the rules; a crash opens the file again."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from agiwo.errors import StateConflict
from agiwo.scheduler import TaskLimits
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from scheduler_model import Job, Sleep, Spawn, World
from scheduler_stage import Stage, turn_of

_T = TypeVar("_T")

LIMITS = TaskLimits(max_depth=2, max_children_per_agent=3, max_wake_count=3)
ROOTS = ("root", "other")
CHILDREN = ("a", "b", "c", "d", "root")
"""The ids that models choose; they are everybody's, and one is a root's."""

SECONDS = st.sampled_from([1.0, 5.0, 60.0])
SPAWNS = st.lists(st.sampled_from(CHILDREN), max_size=4)
IDS = st.none() | st.lists(st.sampled_from(CHILDREN), min_size=1, max_size=3, unique=True).map(tuple)
SLEEPS = st.builds(Sleep, IDS, st.sampled_from(["all", "any"]), SECONDS) | st.builds(
    Sleep, st.none(), st.none(), SECONDS
)
WHO = st.integers(0, 7)

PATIENCE = 60
"""Seconds for what is there already, so that a busy machine is not taken for an agent that breaks the rules."""

_MEMORY = Path("/dev/shm")
_FOLDERS = _MEMORY if _MEMORY.is_dir() else None
"""Where the files are: in memory if the system has such a folder, for what a disk survives is tested elsewhere."""


class Lives(RuleBasedStateMachine):
    """What is done to the scheduler is done to the model, and then they are compared."""

    file: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self.stage = Stage(self.file, ROOTS, LIMITS)
        self.world = World(LIMITS, self.stage.clock.now())
        self._tasks, self._runs = 0, dict[Job, str]()
        self._do(self.stage.open())

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        async def whole() -> _T:
            done = await work
            await self.stage.settle()
            return done

        return self._runner.run(whole())

    def _task(self) -> str:
        self._tasks += 1
        return f"task {self._tasks}"

    def _thinking(self, who: int) -> Job:
        jobs = sorted(self.world.jobs("thinking"), key=lambda job: job.name)
        return jobs[who % len(jobs)]

    # From outside

    @rule(id=st.sampled_from(ROOTS), persistent=st.booleans())
    def submit(self, id: str, persistent: bool) -> None:
        task = self._task()
        expected = self.world.submit(id, task, persistent=persistent)
        work = self.stage.supervisor.submit(self.stage.agents[id], task, persistent=persistent)
        assert self._allowed(work) == expected

    @precondition(lambda self: self.world.actors)
    @rule(who=WHO)
    def submit_task(self, who: int) -> None:
        id, task = self._anybody(who), self._task()
        expected = self.world.submit_task(id, task)
        assert self._allowed(self.stage.supervisor.submit_task(id, task)) == expected

    @precondition(lambda self: self.world.actors)
    @rule(who=WHO)
    def cancel(self, who: int) -> None:
        id = self._anybody(who)
        expected = self.world.cancel(id, "enough")
        assert self._do(self.stage.supervisor.cancel(id, "enough")) == expected

    @precondition(lambda self: self.world.actors)
    @rule(who=WHO)
    def shutdown(self, who: int) -> None:
        id = self._anybody(who)
        expected = self.world.shutdown(id)
        assert self._do(self.stage.supervisor.shutdown(id)) == expected

    @rule(seconds=SECONDS)
    def pass_time(self, seconds: float) -> None:
        end = self.world.now + seconds
        while self.world.now < end:  # a wake that is late would say so
            to = min([end, *(job.deadline for job in self.world.jobs("asleep"))])
            self._do(self.stage.advance(to - self.world.now))
            self.world.advance(to - self.world.now)

    @rule()
    def die_and_come_back(self) -> None:
        self._do(self.stage.close())
        self._do(self.stage.open())

    def _anybody(self, who: int) -> str:
        ids = sorted(self.world.actors)
        return ids[who % len(ids)]

    def _allowed(self, work: Coroutine[Any, Any, Any]) -> bool:
        try:
            self._do(work)
        except StateConflict:
            return False
        return True

    # From inside

    @precondition(lambda self: self.world.jobs("thinking"))
    @rule(who=WHO, spawns=SPAWNS, sleep=st.none() | SLEEPS, place=WHO)
    def act(self, who: int, spawns: list[str], sleep: Sleep | None, place: int) -> None:
        job = self._thinking(who)
        calls: list[Spawn | Sleep] = [Spawn(id, self._task()) for id in spawns]
        if sleep:
            calls.insert(place % (len(calls) + 1), sleep)
        if calls:
            self.world.act(job, calls)
            self._say(job, turn_of(calls))

    @precondition(lambda self: self.world.jobs("thinking"))
    @rule(who=WHO)
    def finish(self, who: int) -> None:
        job = self._thinking(who)
        self.world.answer(job, "completed", f"did {job.name}")
        self._say(job, {"text": f"did {job.name}"})

    @precondition(lambda self: self.world.jobs("thinking"))
    @rule(who=WHO)
    def fail(self, who: int) -> None:
        job = self._thinking(who)
        self.world.answer(job, "failed", "bad luck")
        self._say(job, {"error": {"kind": "bad_request", "message": "bad luck"}})

    def _say(self, job: Job, turn: Any) -> None:
        async def say() -> None:
            self.stage.model.say(job.name, turn)

        self._do(say())

    # What must be true

    @invariant()
    def the_same_agents_think_and_were_told_the_same(self) -> None:
        thinking = {job.name: job.told for job in self.world.jobs("thinking")}
        assert {task: self.stage.model.told(task) for task in self.stage.model.asked} == thinking

    @invariant()
    def every_agent_stands_where_it_should(self) -> None:
        self._runner.run(self._look())

    async def _look(self) -> None:
        for actor in self.world.actors.values():
            state = await self.stage.supervisor.states.look(actor.id)
            job, wake = actor.current, state.wake_condition
            assert (state.status, state.depth, state.wake_count) == (actor.status, actor.depth, job.wakes), actor.id
            assert (state.parent_state_id, state.is_persistent) == (actor.parent, actor.persistent)
            if job.is_over:  # then it is the last one, which is waited for
                assert state.result_summary == job.outcome
                assert (await self.stage.supervisor.wait_for(actor.id, timeout=PATIENCE)).status == job.status
            if job.status == "asleep":
                assert wake
                assert wake.wait_for == tuple(job.waits)
                assert set(wake.completed_ids) == {id for id, each in job.waits.items() if each.is_over}
                assert (wake.timeout_at if job.waits else wake.wakeup_at) == job.deadline

    def teardown(self) -> None:
        self._do(self.stage.close())
        self._runner.close()


class LivesInAFile(Lives):
    """The same over SQLite; each life has a file of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=_FOLDERS)
        self.file = Path(self._folder.name) / "s.db"
        super().__init__()

    def teardown(self) -> None:
        super().teardown()
        self._folder.cleanup()


def live(lives: type[Lives], examples: int, steps: int) -> None:
    """Fail unless the scheduler does what the rules say, in so many lives of so many steps."""
    run_state_machine_as_test(lives, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None))


def test_whatever_is_done_agents_follow_the_rules() -> None:
    live(Lives, 60, 12)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_in_thousands_of_lives_over_a_file_agents_follow_the_rules() -> None:
    live(LivesInAFile, 2000, 25)
