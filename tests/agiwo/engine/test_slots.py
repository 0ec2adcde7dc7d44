"""Pools of slots: how many runs work at the same time, and which of them count where."""

import asyncio
from typing import Any

import pytest
from agiwo.durable import DurableContext, StepResult, StepScope
from agiwo.schema.run import RunSpec
from engine_lab import Lab

pytestmark = pytest.mark.anyio


class Work:
    """An effect that lasts until it is told to end, and knows who is at it."""

    def __init__(self) -> None:
        self.present: list[str] = []
        self.end = asyncio.Event()

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        self.present.append(scope.run.spec.session)
        await self.end.wait()
        return StepResult()


async def work(ctx: DurableContext) -> Any:
    await ctx.step("work", "work", None)


@pytest.mark.parametrize("engine_options", [{"max_concurrent": 2}])
async def test_runs_that_are_scheduled_take_their_slots_from_a_pool_of_their_own(lab: Lab) -> None:
    pool = asyncio.Semaphore(3)

    def pool_of(spec: RunSpec) -> asyncio.Semaphore | None:
        return pool if spec.state else None

    lab.engine.pool_of = pool_of
    step = Work()
    lab.program(work, work=step)
    for number in range(4):
        state = f"state{number}"
        await lab.engine.submit(RunSpec("tiny", state, "go", state=state), run=f"scheduled{number}")
        await lab.engine.submit(RunSpec("tiny", f"run{number}", "go"), run=f"other{number}")
    await lab.settle()
    assert sorted(step.present) == ["run0", "run1", "state0", "state1", "state2"]
    step.end.set()
    for number in range(4):
        await lab.result(f"scheduled{number}")
        await lab.result(f"other{number}")
