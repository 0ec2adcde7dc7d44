"""Deadlines: a run that takes too long is interrupted, and may sum up what it has."""

import asyncio
from typing import Any

import pytest
from agiwo.durable import DurableContext, StepResult, StepScope
from agiwo.engine.operation import INTERRUPTION
from agiwo.errors import Interrupted
from agiwo.schema.run import RunStatus
from engine_lab import Lab, echo, hang

pytestmark = pytest.mark.anyio


async def _sum_up(ctx: DurableContext) -> Any:
    try:
        return await ctx.step("work", "work", None)
    except Interrupted as stop:
        if stop.cause == "cancel":
            raise
        return [stop.cause, stop.reason, await ctx.step("summary", "summary", None)]


async def test_a_run_that_takes_too_long_is_interrupted_and_may_sum_up(lab: Lab) -> None:
    lab.program(_sum_up, work=hang, summary=echo)
    run = await lab.submit(timeout=60)
    await lab.advance(59)
    assert await lab.status(run) == RunStatus.RUNNING
    await lab.advance(1)
    result = await lab.result(run)
    assert result.status == RunStatus.COMPLETED
    assert result.output == ["timeout", "the run took longer than 60 seconds", None]


async def test_a_run_is_cancelled_while_it_sums_up(lab: Lab) -> None:
    lab.program(_sum_up, work=hang, summary=hang)
    run = await lab.submit(timeout=60)
    await lab.advance(60)
    assert lab.ran == [(run, "work"), (run, "summary")]
    assert await lab.status(run) == RunStatus.CANCELLING
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


@pytest.mark.parametrize(("timeout", "words"), [(0.5, 5), (20, 20), (60, 60), (600, 60)])
async def test_last_words_have_as_long_as_the_run_had_within_bounds(lab: Lab, timeout: float, words: float) -> None:
    async def loop(ctx: DurableContext) -> Any:
        found: list[str] = []
        for key in ("work", "summary"):
            try:
                await ctx.step(key, "hang", None)
            except Interrupted as stop:
                found.append(stop.cause)
        return found

    lab.program(loop, hang=hang)
    run = await lab.submit(timeout=timeout)
    await lab.advance(timeout)
    await lab.advance(words - 0.1)
    assert await lab.status(run) == RunStatus.CANCELLING
    await lab.advance(0.1)
    assert (await lab.result(run)).output == ["timeout", "timeout"]


async def test_time_in_waits_does_not_count(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.receive("go", "go")
        await ctx.wait("timer", [], timeout=1000)
        return await _sum_up(ctx)

    lab.program(loop, work=hang, summary=echo)
    run = await lab.submit(timeout=60)
    await lab.advance(1000)
    await lab.send(run, "go", {}, "m1")
    await lab.advance(1000)
    assert lab.ran == [(run, "work")]
    await lab.advance(59)
    assert await lab.status(run) == RunStatus.RUNNING
    await lab.advance(1)
    assert (await lab.result(run)).output[0] == "timeout"


async def test_time_with_the_process_gone_does_not_count_and_time_before_it_does(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.step("first", "hold", None)
        return await _sum_up(ctx)

    gate = asyncio.Event()

    async def hold(scope: StepScope, arg: Any) -> StepResult:
        await gate.wait()
        return StepResult()

    lab.is_replayable = False  # with the gate open from the start, the time is another
    lab.program(loop, hold=hold, work=hang, summary=echo)
    run = await lab.submit(timeout=60)
    await lab.advance(40)
    gate.set()
    await lab.settle()
    lab.clock.advance(0)
    await lab.engine.close()
    lab.clock.advance(10_000)
    await lab.restart()
    await lab.advance(19)
    assert await lab.status(run) == RunStatus.RUNNING
    await lab.advance(1)
    assert (await lab.result(run)).output[0] == "timeout"


async def test_a_deadline_that_was_recorded_is_kept_by_a_replay(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        found = await _sum_up(ctx)
        await ctx.receive("go", "go")
        return found

    lab.program(loop, work=hang, summary=echo)
    run = await lab.submit(timeout=60)
    await lab.advance(60)
    await lab.restart()
    await lab.send(run, "go", {}, "m1")
    assert (await lab.result(run)).output[0] == "timeout"
    assert lab.ran == [(run, "work"), (run, "summary")]


async def test_a_message_that_an_interrupted_step_had_drained_is_there_for_the_summary(lab: Lab) -> None:
    async def listen(scope: StepScope, arg: Any) -> StepResult:
        heard = [message.id for message in await scope.drain("steer")]
        if arg == "hang":
            await asyncio.Event().wait()
        return StepResult(heard)

    async def loop(ctx: DurableContext) -> Any:
        await ctx.receive("go", "go")
        try:
            await ctx.step("work", "listen", "hang")
        except Interrupted:
            return await ctx.step("summary", "listen", "sum up")

    lab.program(loop, listen=listen)
    run = await lab.submit(timeout=60)
    await lab.send(run, "steer", {}, "m1")
    await lab.send(run, "go", {}, "m2")
    await lab.advance(60)
    assert (await lab.result(run)).output == ["m1"]


async def test_a_cancel_and_a_deadline_at_the_same_moment_are_a_cancel(lab: Lab) -> None:
    lab.program(_sum_up, work=hang, summary=hang)
    run = await lab.submit(timeout=60)
    await lab.settle()
    lab.clock.advance(60)
    assert await lab.engine.cancel(run)
    assert (await lab.result(run)).status == RunStatus.CANCELLED
    causes = [record.data["cause"] for record in await lab.records(run) if record.type == INTERRUPTION]
    assert causes[-1] == "cancel"


async def test_a_deadline_between_two_operations_interrupts_the_second_also_in_a_replay(lab: Lab) -> None:
    lab.is_replayable = False  # the effect moves this lab's clock

    async def take_long(scope: StepScope, arg: Any) -> StepResult:
        lab.clock.advance(60)
        return StepResult("done")

    async def loop(ctx: DurableContext) -> Any:
        found = [await ctx.step("first", "take_long", None)]
        try:
            await ctx.step("second", "hang", None)
        except Interrupted as stop:
            found.append(stop.cause)
        await ctx.receive("go", "go")
        return found

    lab.program(loop, take_long=take_long, hang=hang)
    run = await lab.submit(timeout=60)
    await lab.settle()
    await lab.restart()
    await lab.send(run, "go", {}, "m1")
    assert (await lab.result(run)).output == ["done", "timeout"]
    assert lab.ran == [(run, "first")]
