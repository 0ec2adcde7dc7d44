"""Cancels: every state of a run has a way out, and it is recorded before anything is stopped."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from agiwo.durable import INTERRUPTED, DurableContext, Outcome, StepResult, StepScope
from agiwo.engine.operation import INTERRUPTION
from agiwo.errors import Interrupted, NotFound, StorageError
from agiwo.schema.event import CHILD_FINISHED, RUN_CANCELLED, RUN_COMPLETED, RUN_QUEUED, RUN_STARTED
from agiwo.schema.record import Record, RunHead
from agiwo.schema.run import RunSpec, RunStatus
from engine_lab import Lab, echo, hang
from engine_tape import batches

pytestmark = pytest.mark.anyio


async def _step(ctx: DurableContext) -> Any:
    return await ctx.step("one", "effect", None)


class Deaf:
    """An effect that does not let itself be cancelled until it is told that it may."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.has_ended = asyncio.Event()

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        while not self.may_end.is_set():
            try:
                await self.may_end.wait()
            except asyncio.CancelledError:
                continue
        self.has_ended.set()
        return StepResult("too late")


# Where a run can be when it is cancelled


async def test_a_run_with_a_hanging_effect_is_cancelled(lab: Lab) -> None:
    lab.program(_step, effect=hang)
    run = await lab.submit()
    await lab.settle()
    result = await lab.cancel(run)
    assert (result.status, result.reason) == (RunStatus.CANCELLED, "enough")
    assert (await lab.types(run))[-1] == RUN_CANCELLED


async def test_an_effect_that_ignores_its_cancellation_is_abandoned_and_its_late_result_dropped(lab: Lab) -> None:
    lab.is_replayable = False
    deaf = Deaf()
    lab.program(_step, effect=deaf)
    run = await lab.submit()
    await lab.settle()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED
    before = await lab.records(run)
    deaf.may_end.set()
    await deaf.has_ended.wait()
    await lab.settle()
    assert await lab.records(run) == before


async def test_a_run_that_waits_for_a_timer_is_cancelled(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.wait("timer", [], timeout=3600)

    lab.program(loop)
    run = await lab.submit()
    assert await lab.status(run) == RunStatus.WAITING
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


async def test_a_run_that_waits_for_mail_is_cancelled(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.receive("mail", "mail")

    lab.program(loop)
    run = await lab.submit()
    await lab.settle()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


async def test_a_queued_run_is_cancelled_without_ever_having_started(lab: Lab) -> None:
    lab.program(_step, effect=hang)
    first = await lab.submit(session="s")
    second = await lab.submit(session="s")
    assert await lab.status(second) == RunStatus.QUEUED
    assert (await lab.cancel(second)).status == RunStatus.CANCELLED
    assert RUN_STARTED not in await lab.types(second)
    assert await lab.status(first) == RunStatus.RUNNING
    await lab.cancel(first)


@pytest.mark.parametrize("engine_options", [{"max_concurrent": 1}])
async def test_a_run_that_waits_for_a_slot_is_cancelled(lab: Lab) -> None:
    lab.program(_step, effect=hang)
    first = await lab.submit()
    await lab.settle()
    second = await lab.submit()
    assert await lab.status(second) == RunStatus.QUEUED
    assert (await lab.cancel(second)).status == RunStatus.CANCELLED
    await lab.cancel(first)


@pytest.mark.parametrize("engine_options", [{"max_concurrent": 1}])
async def test_a_run_that_waits_for_a_slot_after_a_wait_is_cancelled(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.receive("go", "go")
        await ctx.step("after", "effect", None)

    lab.program(loop, effect=hang)
    lab.program(_step, agent="hog", effect=hang)
    run = await lab.submit()
    await lab.settle()
    hog = await lab.submit("hog")
    await lab.settle()
    await lab.send(run, "go", {}, "m1")
    await lab.settle()
    assert (run, "after") not in lab.ran
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED
    await lab.cancel(hog)


async def test_a_run_whose_agent_is_unknown_is_cancelled(lab: Lab) -> None:
    run = await lab.submit("nobody")
    assert await lab.status(run) == RunStatus.SUSPENDED
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


async def test_a_run_of_another_loop_version_is_cancelled_also_across_a_restart(lab: Lab) -> None:
    lab.is_replayable = False
    lab.program(_step, effect=hang)
    run = await lab.submit()
    await lab.settle()
    lab.program(_step, effect=hang, version="2")
    await lab.restart()
    assert await lab.status(run) == RunStatus.SUSPENDED
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


async def test_a_run_that_goes_on_working_after_its_cancel_does_nothing_more(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        try:
            await ctx.step("one", "effect", None)
        except Interrupted:
            await ctx.step("two", "effect", None)

    lab.program(loop, effect=hang)
    run = await lab.submit()
    await lab.settle()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED
    assert lab.ran == [(run, "one")]


@pytest.mark.parametrize("late", [0, 50], ids=["", "told late"])
@pytest.mark.parametrize("turns", range(12))
async def test_whoever_cancels_a_run_that_comes_to_its_end_is_told_what_becomes_of_it(
    lab: Lab, turns: int, late: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = asyncio.Event()
    look = lab.tape.run

    async def look_and_tell_late(run: str) -> RunHead | None:
        head = await look(run)
        for _ in range(late):
            await asyncio.sleep(0)
        return head

    monkeypatch.setattr(lab.tape, "run", look_and_tell_late)

    async def loop(ctx: DurableContext) -> Any:
        return await ctx.step("one", "effect", None)

    async def effect(scope: StepScope, arg: Any) -> StepResult:
        return StepResult("done")

    def hear(records: Sequence[Record]) -> None:
        if any(record.key == "one" for record in records):
            done.set()

    lab.is_replayable = False  # whether the cancel or the end is first, the records do not say
    lab.program(loop, effect=effect)
    unwatch = lab.tape.journal.watch("r", hear, internal=True)
    run = await lab.submit(run="r")
    await done.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    is_cancelled = await lab.engine.cancel(run, "at the last moment")
    result = await lab.result(run)
    unwatch()
    assert result.status == (RunStatus.CANCELLED if is_cancelled else RunStatus.COMPLETED)
    assert (result.reason == "at the last moment") is is_cancelled


async def test_parallel_operations_are_all_interrupted(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        found = await asyncio.gather(
            ctx.step("step", "hang", None),
            ctx.wait("timer", [], timeout=10),
            ctx.receive("mail", "mail"),
            return_exceptions=True,
        )
        names = [type(each).__name__ for each in found]
        return Outcome(RunStatus.CANCELLED, reason=" ".join(names))

    lab.program(loop, hang=hang)
    run = await lab.submit()
    await lab.settle()
    assert (await lab.cancel(run)).reason == "Interrupted Interrupted Interrupted"


# How


async def test_a_cancel_is_recorded_together_with_what_it_interrupts_before_anything_is_stopped(lab: Lab) -> None:
    recorded: list[str] = []

    async def look(scope: StepScope, arg: Any) -> StepResult:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            recorded.extend(entry.type for batch in batches(lab.tape.taken[-1]) for entry in batch.entries)
            raise
        return StepResult()

    lab.program(_step, effect=look)
    run = await lab.submit()
    await lab.settle()
    assert await lab.engine.cancel(run)
    await lab.settle()
    assert recorded == [INTERRUPTION, INTERRUPTED]


async def test_the_items_that_stood_open_are_told_to_the_loop_with_what_was_said_so_far(lab: Lab) -> None:
    async def speak(scope: StepScope, arg: Any) -> StepResult:
        scope.open("item1", "agentMessage", name="x")
        scope.delta("item1", "text", "Once upon ")
        scope.delta("item1", "text", "a time")
        await asyncio.Event().wait()
        return StepResult()

    async def loop(ctx: DurableContext) -> Any:
        try:
            await ctx.step("one", "speak", None)
        except Interrupted as stop:
            return Outcome(RunStatus.CANCELLED, reason=f"{stop.cause}: {stop.items[0]['streams']['text']}")

    lab.program(loop, speak=speak)
    run = await lab.submit()
    await lab.settle()
    assert (await lab.cancel(run)).reason == "cancel: Once upon a time"


async def test_cancelling_twice_is_cancelling_once(lab: Lab) -> None:
    lab.program(_step, effect=hang)
    run = await lab.submit()
    await lab.settle()
    assert await lab.engine.cancel(run, "first")
    assert await lab.engine.cancel(run, "second")
    assert (await lab.result(run)).reason == "first"
    assert not await lab.engine.cancel(run, "third")
    with pytest.raises(NotFound):
        await lab.engine.cancel("run_ghost")


async def test_many_who_cancel_at_once_agree(lab: Lab) -> None:
    lab.program(_step, effect=hang)
    run = await lab.submit()
    await lab.settle()
    assert all(await asyncio.gather(*(lab.engine.cancel(run) for _ in range(10))))
    await lab.result(run)
    wishes = [record for record in await lab.records(run) if record.type == INTERRUPTION]
    assert len(wishes) == 1


async def test_a_cancel_whose_caller_goes_away_is_still_carried_out(lab: Lab) -> None:
    lab.program(_step, effect=hang)
    run = await lab.submit()
    await lab.settle()
    caller = asyncio.create_task(lab.engine.cancel(run))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    assert (await lab.result(run)).status == RunStatus.CANCELLED


async def test_a_submit_whose_caller_goes_away_leaves_a_run_that_is_driven(lab: Lab) -> None:
    lab.program(_step, effect=echo)
    spec = RunSpec("tiny", "s", "go")
    caller = asyncio.create_task(lab.engine.submit(spec))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    await lab.settle()
    assert [head.status for head in await lab.heads()] == [RunStatus.COMPLETED]


async def test_a_cancel_that_was_recorded_is_carried_out_after_a_crash(lab: Lab) -> None:
    deaf = Deaf()
    lab.is_replayable = False
    lab.program(_step, effect=deaf)
    run = await lab.submit()
    await lab.settle()
    await lab.engine.cancel(run)
    assert await lab.status(run) == RunStatus.CANCELLING
    await lab.restart()
    assert (await lab.result(run)).status == RunStatus.CANCELLED
    assert lab.ran == [(run, "one")]
    deaf.may_end.set()


# Trees


async def _spawn_and_wait(ctx: DurableContext) -> Any:
    level = ctx.run.spec.depth + 1
    names = ["only"] if level == 2 else ["left", "right"] if level == 1 else []
    specs = [RunSpec("tiny", f"{ctx.run.id} {name}", name) for name in names]
    ids = [await ctx.spawn(name, spec) for name, spec in zip(names, specs, strict=True)]
    if not ids:
        return await ctx.step("leaf", "effect", None)
    return list(await ctx.wait("all", ids))


def _ends(lab: Lab) -> list[str]:
    types = (RUN_CANCELLED, RUN_COMPLETED)
    entries = ((batch.run, entry) for each in lab.tape.taken for batch in batches(each) for entry in batch.entries)
    return [run for run, entry in entries if entry.type in types]


async def test_a_tree_is_cancelled_in_one_commit_and_ends_leaves_first(lab: Lab) -> None:
    lab.program(_spawn_and_wait, effect=hang)
    root = await lab.submit()
    await lab.settle()
    depth: dict[str, int] = {}
    for head in await lab.heads():
        depth[head.run] = depth[head.parent] + 1 if head.parent else 0
    assert sorted(depth.values()) == [0, 1, 1, 2, 2]
    await lab.cancel(root)
    await lab.settle()
    wishes = [each for each in lab.tape.taken if any(e.type == INTERRUPTION for b in batches(each) for e in b.entries)]
    assert len(wishes) == 1
    assert len(batches(wishes[0])) == 5
    assert [depth[run] for run in _ends(lab)] == [2, 2, 1, 1, 0]
    assert (await lab.types(root)).count(CHILD_FINISHED) == 2
    assert {head.status for head in await lab.heads()} == {RunStatus.CANCELLED}


async def test_with_the_scope_run_the_children_go_on(lab: Lab) -> None:
    gate = asyncio.Event()

    async def wait(scope: StepScope, arg: Any) -> StepResult:
        await gate.wait()
        return StepResult("done")

    lab.is_replayable = False  # with the gate open from the start, nothing is left to be cancelled
    lab.program(_spawn_and_wait, effect=wait)
    root = await lab.submit()
    await lab.settle()
    assert (await lab.cancel(root, scope="run")).status == RunStatus.CANCELLED
    gate.set()
    await lab.settle()
    below = {head.status for head in await lab.heads() if head.run != root}
    assert below == {RunStatus.COMPLETED}


async def test_a_cancel_of_the_tree_after_one_of_the_run_reaches_the_children(lab: Lab) -> None:
    lab.is_replayable = False
    deaf = Deaf()

    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth:
            return await ctx.step("leaf", "hang", None)
        await ctx.spawn("kid", RunSpec("tiny", "kid", "kid"))
        return await ctx.step("root", "deaf", None)

    lab.program(loop, hang=hang, deaf=deaf)
    root = await lab.submit()
    await lab.settle()
    assert await lab.engine.cancel(root, scope="run")
    assert await lab.engine.cancel(root, scope="tree")
    await lab.result(root)
    await lab.settle()
    assert {head.status for head in await lab.heads()} == {RunStatus.CANCELLED}
    deaf.may_end.set()


async def test_a_grandchild_whose_parent_has_ended_belongs_to_the_tree(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth == 2:
            return await ctx.step("leaf", "hang", None)
        id = await ctx.spawn("below", RunSpec("tiny", f"{ctx.run.id} below", "x"))
        if ctx.run.spec.depth == 0:
            await ctx.wait("child", [id])
            await ctx.receive("mail", "mail")
        return None

    lab.program(loop, hang=hang)
    root = await lab.submit()
    await lab.settle()
    await lab.restart()
    await lab.settle()
    await lab.cancel(root)
    await lab.settle()
    assert [head.status for head in await lab.heads()] == ["cancelled", "completed", "cancelled"]


async def test_a_tree_is_cancelled_after_a_restart(lab: Lab) -> None:
    lab.program(_spawn_and_wait, effect=hang)
    root = await lab.submit()
    await lab.settle()
    await lab.restart()
    await lab.settle()
    await lab.cancel(root)
    await lab.settle()
    assert {head.status for head in await lab.heads()} == {RunStatus.CANCELLED}


async def test_a_child_that_is_being_spawned_while_its_tree_is_cancelled_is_cancelled_too(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth:
            return await ctx.step("leaf", "hang", None)
        await ctx.receive("go", "go")
        for number in range(20):
            await ctx.spawn(f"kid{number}", RunSpec("tiny", f"kid{number}", "x"))
        return await ctx.step("never", "hang", None)

    lab.program(loop, hang=hang)
    root = await lab.submit()
    await lab.settle()
    await lab.send(root, "go", {}, "m1")
    for _ in range(7):
        await asyncio.sleep(0)
    await lab.cancel(root)
    await lab.settle()
    assert {head.status for head in await lab.heads()} == {RunStatus.CANCELLED}


# When the store refuses


async def test_a_cancel_that_cannot_be_recorded_is_refused(lab: Lab) -> None:
    lab.program(_step, effect=hang)
    run = await lab.submit()
    await lab.settle()
    lab.tape.is_refusing = True
    with pytest.raises(StorageError):
        await lab.engine.submit(RunSpec("tiny", "other", "go"))
    with pytest.raises(StorageError):
        await lab.engine.cancel(run)
    lab.tape.is_refusing = False
    await lab.storage_is_well()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


async def test_a_run_whose_commit_waits_for_the_store_is_cancelled_when_the_store_is_well(lab: Lab) -> None:
    lab.is_replayable = False
    gate = asyncio.Event()

    async def wait(scope: StepScope, arg: Any) -> StepResult:
        await gate.wait()
        return StepResult("done")

    async def loop(ctx: DurableContext) -> Any:
        await ctx.step("one", "wait", None)
        await ctx.step("two", "hang", None)

    lab.program(loop, wait=wait, hang=hang)
    run = await lab.submit()
    await lab.settle()
    lab.tape.is_refusing = True
    gate.set()
    await lab.settle()
    assert await lab.status(run) == RunStatus.SUSPENDED
    with pytest.raises(StorageError):
        await lab.engine.cancel(run)
    lab.tape.is_refusing = False
    await lab.storage_is_well()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED
    assert [record.key for record in await lab.records(run) if record.type == "step"] == ["one"]


async def test_an_engine_closes_in_time_though_an_effect_ignores_that_and_drops_what_still_comes(lab: Lab) -> None:
    lab.is_replayable = False
    abandoned, deaf = Deaf(), Deaf()
    lab.program(_step, agent="abandoned", effect=abandoned)
    lab.program(_step, effect=deaf)
    await lab.settle()
    cancelled = await lab.submit("abandoned")
    run = await lab.submit()
    await lab.settle()
    await lab.cancel(cancelled)
    async with asyncio.timeout(60):
        await lab.engine.close()
    before = await lab.records(run)
    for effect in (abandoned, deaf):
        effect.may_end.set()
        await effect.has_ended.wait()
    await lab.settle()
    assert await lab.records(run) == before


async def test_a_cancel_that_is_the_first_to_find_the_store_refusing_is_answered_and_carried_out_later(
    lab: Lab,
) -> None:
    lab.program(_step, effect=hang)
    run = await lab.submit()
    await lab.settle()
    lab.tape.is_refusing = True
    with pytest.raises(StorageError, match="full"):
        await lab.engine.cancel(run, "enough")
    lab.tape.is_refusing = False
    result = await lab.result(run)
    assert (result.status, result.reason) == (RunStatus.CANCELLED, "enough")


async def test_a_run_cancelled_in_the_queue_does_not_start_when_its_turn_comes(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.receive("go", "go")

    lab.program(loop)
    first = await lab.submit(session="s")
    second = await lab.submit(session="s")
    await lab.settle()
    await lab.send(first, "go", {}, "m1")
    await lab.cancel(second)
    await lab.result(first)
    assert await lab.types(second) == [RUN_QUEUED, RUN_CANCELLED]
