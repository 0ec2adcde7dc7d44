"""Shutdowns: a run that rests says its last word, one that works comes to its end where it would rest."""

import asyncio
from typing import Any

import pytest
from agiwo.durable import DurableContext, StepResult, StepScope
from agiwo.engine.operation import INTERRUPTION
from agiwo.errors import Interrupted, NotFound, StorageError
from agiwo.schema.event import RUN_SLEEPING, RUN_WOKEN, NewEvent
from agiwo.schema.run import RunSpec, RunStatus
from engine_lab import Lab, echo, hang
from engine_tape import batches

pytestmark = pytest.mark.anyio


class Gate:
    """An effect that ends when it is told to."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        await self.is_open.wait()
        return StepResult(arg)


async def nap(ctx: DurableContext, key: str = "sleep", *ids: str) -> Any:
    ctx.emit(f"{key}/asleep", NewEvent(RUN_SLEEPING, {}))
    waited = await ctx.wait(key, ids, timeout=3600)
    ctx.emit(f"{key}/awake", NewEvent(RUN_WOKEN, {}))
    return waited


async def sleeper(ctx: DurableContext) -> Any:
    try:
        await nap(ctx)
    except Interrupted as stop:
        return [stop.cause, stop.reason, await ctx.step("last", "last", "word")]


async def worker(ctx: DurableContext) -> Any:
    done = [await ctx.step("work", "work", "worked"), await ctx.step("more", "echo", "worked more")]
    try:
        await nap(ctx)
    except Interrupted as stop:
        return [*done, stop.cause]


def wishes(lab: Lab) -> list[list[str]]:
    """The runs that were interrupted together, in each commit that did so."""
    told = [[b.run for b in batches(each) if any(e.type == INTERRUPTION for e in b.entries)] for each in lab.tape.taken]
    return [runs for runs in told if runs]


async def test_a_sleeping_run_says_its_last_word(lab: Lab) -> None:
    lab.program(sleeper, last=echo)
    run = await lab.submit()
    await lab.settle()
    assert await lab.engine.conclude(run, "good night")
    result = await lab.result(run)
    assert (result.status, result.output) == (RunStatus.COMPLETED, ["shutdown", "good night", "word"])
    assert RUN_WOKEN not in await lab.types(run)


async def test_a_run_is_running_while_it_says_its_last_word_also_after_a_restart(lab: Lab) -> None:
    lab.is_replayable = False  # nobody opens the gate there
    gate = Gate()
    lab.program(sleeper, last=gate)
    run = await lab.submit()
    await lab.settle()
    await lab.engine.conclude(run)
    assert await lab.status(run) == RunStatus.RUNNING
    assert (await lab.engine.head(run)).wake is None
    await lab.restart()
    assert await lab.status(run) == RunStatus.RUNNING
    gate.is_open.set()
    assert (await lab.result(run)).output == ["shutdown", "shut down", "word"]


async def test_a_last_word_that_does_not_come_is_not_waited_for(lab: Lab) -> None:
    lab.program(sleeper, last=hang)
    run = await lab.submit()
    await lab.settle()
    await lab.engine.conclude(run)
    await lab.advance(59)
    assert await lab.status(run) == RunStatus.RUNNING
    await lab.restart()
    await lab.advance(60)
    result = await lab.result(run)
    assert (result.status, result.reason) == (RunStatus.CANCELLED, "the run took longer than 60 seconds")


async def test_a_run_at_work_goes_on_and_sleeps_no_more(lab: Lab) -> None:
    gate = Gate()
    lab.program(worker, work=gate, echo=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.engine.conclude(run)
    assert await lab.status(run) == RunStatus.RUNNING
    gate.is_open.set()
    assert (await lab.result(run)).output == ["worked", "worked more", "shutdown"]
    assert await lab.types(run) == ["run/queued", "run/started", "item/completed", "run/sleeping", "run/completed"]


async def test_a_shutdown_that_came_while_a_run_worked_is_remembered_across_a_restart(lab: Lab) -> None:
    gate = Gate()
    lab.program(worker, work=gate, echo=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.engine.conclude(run)
    await lab.restart()
    gate.is_open.set()
    assert (await lab.result(run)).output == ["worked", "worked more", "shutdown"]


async def test_a_run_that_waits_in_line_runs_and_sleeps_no_more(lab: Lab) -> None:
    gate = Gate()
    lab.program(worker, work=gate, echo=echo)
    first, second = await lab.submit(session="s"), await lab.submit(session="s")
    await lab.settle()
    await lab.engine.conclude(second)
    assert await lab.status(second) == RunStatus.QUEUED
    gate.is_open.set()
    await lab.settle()
    await lab.engine.conclude(first)
    assert (await lab.result(second)).output == ["worked", "worked more", "shutdown"]


async def test_side_by_side_what_rests_ends_and_what_works_goes_on(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        work = [ctx.step("work", "work", "worked"), ctx.receive("mail", "mail"), ctx.wait("timer", [], timeout=60)]
        done = await asyncio.gather(*work, return_exceptions=True)
        return [each.cause if isinstance(each, Interrupted) else each for each in done]

    gate = Gate()
    lab.program(loop, work=gate)
    run = await lab.submit()
    await lab.settle()
    await lab.engine.conclude(run)
    await lab.settle()
    gate.is_open.set()
    assert (await lab.result(run)).output == ["worked", "shutdown", "shutdown"]


# The runs below


async def _delegate(ctx: DurableContext) -> Any:
    kid = await ctx.spawn("kid", RunSpec("child", f"{ctx.run.id} kid", "work"))
    result = (await ctx.wait("for kid", [kid]))[kid]
    assert result
    return result.output


async def test_a_run_that_waits_for_an_agent_that_works_for_it_lets_that_come_to_its_end(lab: Lab) -> None:
    lab.program(_delegate)
    lab.program(sleeper, agent="child", last=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.engine.conclude(run, "good night")
    assert (await lab.result(run)).output == ["shutdown", "good night", "word"]


async def _sleep_over_a_child(ctx: DurableContext) -> Any:
    kid = await ctx.spawn("kid", RunSpec("child", f"{ctx.run.id} kid", "work"))
    try:
        return [str(result and result.output) for result in (await nap(ctx, "sleep", kid)).values()]
    except Interrupted as stop:
        return stop.cause


async def test_a_shutdown_of_a_run_leaves_those_that_it_started_alone(lab: Lab) -> None:
    lab.program(_sleep_over_a_child)
    lab.program(sleeper, agent="child", last=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.engine.conclude(run)
    assert (await lab.result(run)).output == "shutdown"
    kid = (await lab.heads())[-1].run
    assert await lab.status(kid) == RunStatus.SLEEPING
    await lab.advance(3600)
    assert (await lab.result(kid)).status == RunStatus.COMPLETED


async def test_a_shutdown_of_a_tree_is_one_commit_for_all(lab: Lab) -> None:
    lab.program(_sleep_over_a_child)
    lab.program(sleeper, agent="child", last=echo)
    run = await lab.submit()
    await lab.settle()
    kid = (await lab.heads())[-1].run
    await lab.engine.conclude(run, "all of you", "tree")
    assert (await lab.result(run)).output == "shutdown"
    assert (await lab.result(kid)).output == ["shutdown", "all of you", "word"]
    assert wishes(lab) == [[run, kid]]


async def test_a_child_that_is_spawned_after_the_shutdown_of_a_tree_sleeps_no_more_either(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.step("work", "work", None)
        return await _delegate(ctx)

    gate = Gate()
    lab.program(loop, work=gate)
    lab.program(sleeper, agent="child", last=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.engine.conclude(run, "all of you", "tree")
    gate.is_open.set()
    assert (await lab.result(run)).output == ["shutdown", "all of you", "word"]


# More than once, too late, and not at all


async def test_a_run_is_shut_down_once_however_often_it_is_asked_for(lab: Lab) -> None:
    gate = Gate()
    lab.program(worker, work=gate, echo=echo)
    run = await lab.submit()
    await lab.settle()
    assert await asyncio.gather(*(lab.engine.conclude(run) for _ in range(3))) == [True] * 3
    gate.is_open.set()
    await lab.result(run)
    assert wishes(lab) == [[run]]
    assert not await lab.engine.conclude(run)
    with pytest.raises(NotFound):
        await lab.engine.conclude("run_ghost")


async def test_a_run_that_is_shut_down_can_be_cancelled(lab: Lab) -> None:
    lab.program(sleeper, last=hang)
    run = await lab.submit()
    await lab.settle()
    await lab.engine.conclude(run)
    await lab.settle()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


async def test_a_run_that_is_to_end_anyway_is_left_alone(lab: Lab) -> None:
    async def sum_up(ctx: DurableContext) -> Any:
        try:
            await ctx.step("work", "hang", None)
        except Interrupted as stop:
            return [stop.cause, await ctx.step("last", "hang", None)]

    lab.program(sum_up, hang=hang)
    run = await lab.submit(timeout=10)
    await lab.advance(10)
    assert await lab.engine.conclude(run)
    await lab.settle()
    assert await lab.engine.cancel(run, "enough")
    assert await lab.engine.conclude(run)
    assert (await lab.result(run)).status == RunStatus.CANCELLED
    causes = [record.data["cause"] for record in await lab.records(run) if record.type == INTERRUPTION]
    assert causes == ["timeout", "cancel"]


async def test_a_shutdown_that_cannot_be_recorded_is_refused(lab: Lab) -> None:
    lab.program(sleeper, last=echo)
    run = await lab.submit()
    await lab.settle()
    lab.tape.is_refusing = True
    with pytest.raises(StorageError):
        await lab.engine.submit(RunSpec("tiny", "other", "go"))
    with pytest.raises(StorageError):
        await lab.engine.conclude(run)
    lab.tape.is_refusing = False
    await lab.storage_is_well()
    assert await lab.status(run) == RunStatus.SLEEPING
    assert await lab.engine.conclude(run)
    assert (await lab.result(run)).output == ["shutdown", "shut down", "word"]
