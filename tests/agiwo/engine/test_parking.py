"""Parked runs: of a sleeper only what wakes it is kept, and nobody can tell the difference."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from weakref import ref

import pytest
from agiwo.durable import DurableContext, Outcome, StepResult, StepScope
from agiwo.errors import Conflict, EffectFailed, Interrupted
from agiwo.schema.event import CHILD_FINISHED, RUN_RESUMED, RUN_SLEEPING, RUN_STARTED, RUN_WOKEN, NewEvent
from agiwo.schema.run import RunResult, RunSpec, RunStatus, Usage
from engine_lab import Lab, echo, hang

pytestmark = pytest.mark.anyio

HOUR = 3600.0


@pytest.fixture(params=[{"warm": 0}, {"warm": 64}], ids=["parked", "whole"])
def engine_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


only_parked = pytest.mark.parametrize("engine_options", [{"warm": 0}], ids=["parked"])


class Present:
    """Which runs have a loop that is alive: one that is parked has none."""

    def __init__(self) -> None:
        self.runs: set[str] = set()

    @asynccontextmanager
    async def __call__(self, ctx: DurableContext) -> AsyncGenerator[None]:
        self.runs.add(ctx.run.id)
        try:
            yield
        finally:
            self.runs.discard(ctx.run.id)


async def nap(ctx: DurableContext, *ids: str, key: str = "nap", mode: Any = "all", seconds: float = HOUR) -> Any:
    """Sleep, and tell how those ended that were waited for."""
    ctx.emit(f"{key}/asleep", NewEvent(RUN_SLEEPING, {}))
    waited = await ctx.wait(key, ids, mode, timeout=seconds)
    ctx.emit(f"{key}/awake", NewEvent(RUN_WOKEN, {"late": waited.late}))
    return [result and result.output for result in waited.values()]


def sleeping(present: Present) -> Any:
    async def loop(ctx: DurableContext) -> Any:
        async with present(ctx):
            before = await ctx.step("before", "echo", "slept")
            await nap(ctx)
            return await ctx.step("after", "echo", f"{before} well")

    return loop


async def obey(ctx: DurableContext) -> Any:
    message = await ctx.receive("order", "order")
    return message and message.data["text"]


async def spawn(ctx: DurableContext, *names: str) -> list[str]:
    return [await ctx.spawn(name, RunSpec("child", f"{ctx.run.id} {name}", name)) for name in names]


async def kids(lab: Lab) -> dict[str, str]:
    await lab.settle()
    return {head.session.split()[-1]: head.run for head in await lab.heads() if head.parent}


# Sleeping and waking


async def test_a_sleeper_wakes_at_its_time_and_goes_on_where_it_was(lab: Lab) -> None:
    present = Present()
    lab.program(sleeping(present), echo=echo)
    run = await lab.submit()
    await lab.settle()
    assert (present.runs == set()) == (lab.options["warm"] == 0)
    await lab.advance(HOUR - 0.001)
    assert await lab.status(run) == RunStatus.SLEEPING
    await lab.advance(0.001)
    assert (await lab.result(run)).output == "slept well"
    assert [key for _, key in lab.ran] == ["before", "after"]
    assert await lab.types(run) == [
        "run/queued",
        RUN_STARTED,
        "item/completed",
        RUN_SLEEPING,
        RUN_WOKEN,
        "run/completed",
    ]


@pytest.mark.parametrize("engine_options", [{"warm": 2}])
async def test_the_newest_sleepers_stay_whole(lab: Lab) -> None:
    present = Present()
    lab.program(sleeping(present), echo=echo)
    runs: list[str] = []
    for _ in range(4):
        runs.append(await lab.submit())
        await lab.settle()
    assert present.runs == set(runs[2:])
    await lab.advance(HOUR)
    assert [(await lab.result(run)).output for run in runs] == ["slept well"] * 4


async def test_a_sleeper_is_woken_by_those_that_it_waits_for(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        both = await spawn(ctx, "a", "b")
        return [await nap(ctx, *both, key="first", mode="any"), await nap(ctx, *both, key="rest")]

    lab.program(loop)
    lab.program(obey, agent="child")
    run = await lab.submit()
    below = await kids(lab)
    await lab.send(below["b"], "order", {"text": "b did"}, "m1")
    assert await lab.status(run) == RunStatus.SLEEPING
    await lab.send(below["a"], "order", {"text": "a did"}, "m2")
    assert (await lab.result(run)).output == [[None, "b did"], ["a did", "b did"]]
    assert (await lab.types(run)).count(CHILD_FINISHED) == 2


@pytest.mark.parametrize("mode", ["all", "any"])
async def test_no_wake_is_lost_at_whichever_moment_a_child_ends(lab: Lab, mode: Any) -> None:
    lab.is_replayable = False  # it is the same program fifty times

    async def loop(ctx: DurableContext) -> Any:
        return await nap(ctx, *await spawn(ctx, "a", "b"), mode=mode)

    async def work(ctx: DurableContext) -> Any:
        return await ctx.step("work", "work", ctx.run.spec.input)

    gates: list[asyncio.Event] = []

    async def wait(scope: StepScope, arg: Any) -> StepResult:
        await gates[-1].wait()
        return StepResult(arg)

    lab.program(loop)
    lab.program(work, agent="child", work=wait)
    for moment in range(50):
        gates.append(asyncio.Event())
        run = await lab.submit()
        for _ in range(20 + moment):
            await asyncio.sleep(0)
        gates[-1].set()
        await lab.settle()
        assert (await lab.engine.head(run)).status == RunStatus.COMPLETED, f"{moment} turns after the spawn"


async def test_sleepers_that_wait_for_sleepers_wake_one_after_the_other(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth == 4:
            await nap(ctx)
            return [4]
        below = await ctx.spawn("below", RunSpec("tiny", f"{ctx.run.id} below", "go"))
        (found,) = await nap(ctx, below, seconds=2 * HOUR)
        return [ctx.run.spec.depth, *found]

    lab.program(loop)
    run = await lab.submit()
    await lab.settle()
    assert {head.status for head in await lab.heads()} == {RunStatus.SLEEPING}
    await lab.advance(HOUR)
    assert (await lab.result(run)).output == [0, 1, 2, 3, 4]


async def test_a_run_that_sleeps_again_and_again_asks_for_the_same_steps(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        for turn in range(4):
            await ctx.step(f"{turn}/work", "echo", turn)
            await nap(ctx, key=f"{turn}/nap", seconds=60)
        return "done"

    lab.program(loop, echo=echo)
    run = await lab.submit()
    for _ in range(4):
        await lab.advance(60)
    assert (await lab.result(run)).output == "done"
    assert [key for _, key in lab.ran] == [f"{turn}/work" for turn in range(4)]
    assert RUN_RESUMED not in await lab.types(run)


async def test_time_asleep_does_not_count_and_time_at_work_does(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await nap(ctx)
        try:
            await ctx.step("work", "hang", None)
        except Interrupted as stop:
            return stop.cause

    lab.program(loop, hang=hang)
    run = await lab.submit(timeout=60)
    await lab.advance(HOUR)
    await lab.advance(59)
    assert await lab.status(run) == RunStatus.RUNNING
    await lab.advance(1)
    assert (await lab.result(run)).output == "timeout"


# Who is not parked


@only_parked
async def test_a_run_that_does_other_things_while_it_sleeps_is_not_parked_also_not_after_a_restart(lab: Lab) -> None:
    present = Present()

    async def work(ctx: DurableContext) -> Any:
        await ctx.step("first", "echo", 1)
        message = await ctx.receive("go", "go")
        return message and message.id

    async def loop(ctx: DurableContext) -> Any:
        async with present(ctx):
            done = await asyncio.gather(nap(ctx), work(ctx))
            return [*done, await ctx.step("after", "echo", "together")]

    lab.program(loop, echo=echo)
    run = await lab.submit()
    await lab.settle()
    assert present.runs == {run}
    await lab.restart()
    assert present.runs == {run}
    await lab.send(run, "go", {}, "m1")
    await lab.advance(HOUR)
    assert (await lab.result(run)).output == [[], "m1", "together"]


@only_parked
async def test_a_run_that_sleeps_alone_at_first_and_then_not_is_not_parked_from_the_index(lab: Lab) -> None:
    begin = asyncio.Event()

    async def late(ctx: DurableContext) -> Any:
        await begin.wait()
        message = await ctx.receive("go", "go")
        return message and message.id

    async def loop(ctx: DurableContext) -> Any:
        return await asyncio.gather(nap(ctx), late(ctx))

    lab.options["warm"] = 64
    await lab.restart()
    lab.program(loop)
    run = await lab.submit()
    await lab.settle()
    begin.set()
    await lab.settle()
    lab.options["warm"] = 0
    await lab.restart()
    assert lab.tape.loaded[-1] == run
    await lab.send(run, "go", {}, "m1")
    await lab.advance(HOUR)
    assert (await lab.result(run)).output == [[], "m1"]


@only_parked
async def test_a_run_that_another_one_waits_for_and_counts_with_stays_whole(lab: Lab) -> None:
    present = Present()

    async def loop(ctx: DurableContext) -> Any:
        try:
            return [result and result.output for result in (await ctx.wait("for it", await spawn(ctx, "kid"))).values()]
        except Interrupted as stop:
            return stop.cause

    async def work(ctx: DurableContext) -> Any:
        async with present(ctx):
            await nap(ctx)
            return await ctx.step("work", "hang", None)

    lab.program(loop)
    lab.program(work, agent="child", hang=hang)
    run = await lab.submit(timeout=60)
    kid = (await kids(lab))["kid"]
    assert present.runs == {kid}
    await lab.restart()
    assert present.runs == {kid}, "the one above is whole, too, and counts the time"
    await lab.advance(HOUR)
    assert await lab.status(run) == RunStatus.WAITING
    await lab.advance(60)
    assert (await lab.result(run)).output == "timeout"
    assert (await lab.result(kid)).status == RunStatus.CANCELLED


# Mail, cancels and shutdowns


async def test_what_is_said_to_a_sleeper_is_there_when_it_wakes_once(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await nap(ctx)
        first, second = [await ctx.receive(key, "steer", timeout=1) for key in ("first", "second")]
        return [message and message.id for message in (first, second)]

    lab.program(loop)
    run = await lab.submit()
    await lab.settle()
    await asyncio.gather(*(lab.send(run, "steer", {"number": number}, "m1") for number in range(3)))
    await lab.settle()
    await lab.send(run, "steer", {}, "m1")
    assert await lab.status(run) == RunStatus.SLEEPING
    await lab.advance(HOUR)
    await lab.advance(1)
    assert (await lab.result(run)).output == ["m1", None]


async def test_a_sleeper_is_cancelled_and_tells_what_it_had(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        said = await ctx.step("before", "echo", "so far")
        try:
            await nap(ctx)
        except Interrupted as stop:
            return Outcome(RunStatus.CANCELLED, said, usage=Usage(7, 3), reason=stop.reason)

    lab.program(loop, echo=echo)
    run = await lab.submit()
    await lab.settle()
    result = await lab.cancel(run)
    assert (result.status, result.reason, result.usage.input_tokens) == (RunStatus.CANCELLED, "enough", 7)


async def test_a_tree_of_sleepers_is_cancelled_in_one_commit(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth < 2:
            specs = [RunSpec("tiny", f"{ctx.run.id} {name}", name) for name in "ab"]
            await nap(ctx, *[await ctx.spawn(spec.session[-1], spec) for spec in specs])
        await nap(ctx, key="leaf")

    lab.program(loop)
    run = await lab.submit()
    await lab.settle()
    assert [head.status for head in await lab.heads()] == [RunStatus.SLEEPING] * 7
    await lab.restart()
    before = len(lab.tape.taken)
    assert await lab.engine.cancel(run, "enough")
    assert len(lab.tape.taken[before]) == 7
    await lab.settle()
    assert [head.status for head in await lab.heads()] == [RunStatus.CANCELLED] * 7


@only_parked
async def test_a_sleeper_is_cancelled_though_it_cannot_be_read_and_ends_when_it_can(lab: Lab) -> None:
    lab.is_replayable = False  # it ends later than it could
    lab.program(sleeping(Present()), echo=echo)
    run = await lab.submit()
    await lab.settle()
    lab.tape.is_unreadable = True
    assert await lab.engine.cancel(run, "enough")
    assert await lab.engine.cancel(run, "enough")
    assert await lab.status(run) == RunStatus.CANCELLING
    lab.tape.is_unreadable = False
    await lab.advance(5)
    assert (await lab.result(run)).status == RunStatus.CANCELLED


async def test_a_sleeper_is_shut_down(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        try:
            await nap(ctx)
        except Interrupted as stop:
            return [stop.cause, await ctx.step("last", "echo", "word")]

    lab.program(loop, echo=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.restart()
    assert await lab.engine.conclude(run)
    assert (await lab.result(run)).output == ["shutdown", "word"]


async def test_a_cancel_and_a_wake_at_the_same_moment_are_one_or_the_other(lab: Lab) -> None:
    lab.is_replayable = False  # either may be first
    lab.program(sleeping(Present()), echo=echo)
    for turns in range(20):
        run = await lab.submit()
        await lab.settle()
        lab.clock.advance(HOUR)
        for _ in range(turns):
            await asyncio.sleep(0)
        await lab.engine.cancel(run)
        assert (await lab.result(run)).status in (RunStatus.CANCELLED, RunStatus.COMPLETED)


# What stands around a sleeper


async def test_the_next_run_of_a_session_waits_for_the_sleeper_before_it(lab: Lab) -> None:
    lab.program(sleeping(Present()), echo=echo)
    first, second = await lab.submit(session="s"), await lab.submit(session="s")
    await lab.settle()
    for _ in range(2):
        assert [await lab.status(run) for run in (first, second)] == [RunStatus.SLEEPING, RunStatus.QUEUED]
        with pytest.raises(Conflict, match="is going or waits to go"):
            await lab.engine.branching.rewind("s", first)
        await lab.restart()
    await lab.advance(HOUR)
    assert (await lab.result(first)).output == "slept well"
    await lab.advance(HOUR)
    assert (await lab.result(second)).output == "slept well"


async def test_a_child_in_the_session_of_a_sleeper_above_it_would_never_start(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return await nap(ctx, *await spawn(ctx, "kid"))

    async def stubborn(ctx: DurableContext) -> Any:
        await ctx.receive("go", "go")
        await ctx.spawn("grandkid", RunSpec("child", "session1", "go"))

    lab.program(loop)
    lab.program(stubborn, agent="child")
    run = await lab.submit()
    kid = (await kids(lab))["kid"]
    await lab.send(kid, "go", {}, "m1")
    assert (await lab.result(kid)).error == {
        "kind": "internal",
        "message": "Conflict in the loop",
        "retryable": False,
    }
    assert (await lab.result(run)).output == [None]


@only_parked
async def test_a_sleeper_whose_agent_has_gone_is_suspended_when_it_wakes_until_that_is_back(lab: Lab) -> None:
    lab.is_replayable = False
    lab.program(sleeping(Present()), echo=echo)
    run = await lab.submit()
    await lab.settle()
    program = lab.programs.pop("tiny")
    await lab.advance(HOUR)
    assert await lab.status(run) == RunStatus.SUSPENDED
    lab.programs["tiny"] = program
    assert await lab.engine.resume(run)
    await lab.advance(0)
    assert (await lab.result(run)).output == "slept well"
    assert (await lab.types(run)).count(RUN_RESUMED) == 1


@only_parked
async def test_a_sleeper_that_cannot_be_read_when_it_is_to_wake_is_woken_later(lab: Lab) -> None:
    lab.is_replayable = False  # it wakes later than it should
    lab.program(sleeping(Present()), echo=echo)
    run = await lab.submit()
    await lab.settle()
    lab.tape.is_unreadable = True
    await lab.advance(HOUR)
    assert await lab.status(run) == RunStatus.SLEEPING
    lab.tape.is_unreadable = False
    await lab.advance(5)
    assert (await lab.result(run)).output == "slept well"


# Recovery


async def test_sleepers_are_recovered_without_reading_what_they_did(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return await nap(ctx, *await spawn(ctx, "kid"), seconds=2 * HOUR)

    lab.program(loop)
    lab.program(sleeping(Present()), agent="child", echo=echo)
    run = await lab.submit()
    kid = (await kids(lab))["kid"]
    lab.tape.loaded.clear()
    await lab.restart()
    assert set(lab.tape.loaded) & {run, kid} == set()
    await lab.advance(HOUR)
    assert (await lab.result(run)).output == ["slept well"]
    assert RUN_RESUMED not in await lab.types(run)
    assert (await lab.types(run)).count(CHILD_FINISHED) == 1


async def test_a_sleeper_whose_children_had_ended_when_it_was_recovered_wakes_at_once(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return await nap(ctx, *await spawn(ctx, "a", "b"))

    lab.program(loop)
    lab.program(obey, agent="child")
    run = await lab.submit()
    below = await kids(lab)
    for name in "ab":
        await lab.send(below[name], "order", {"text": f"{name} did"}, name)
    # One of the prefixes that are replayed in the end is cut between the end of the second child and the wake.
    assert (await lab.result(run)).output == ["a did", "b did"]


async def test_a_wake_that_came_due_while_no_process_was_there_happens_at_once_and_once(lab: Lab) -> None:
    lab.program(sleeping(Present()), echo=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.restart(after=HOUR + 10)
    assert (await lab.result(run)).output == "slept well"
    (woken,) = [event for event in await lab.events(run) if event.type == RUN_WOKEN]
    assert woken.data == {"late": 10.0}


# How results are told


async def test_a_sleeper_hears_how_each_child_ended(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        waited = await _sleep_over(ctx, await spawn(ctx, "well", "badly", "never"))
        return [str(result.status) for result in waited if result]

    async def live(ctx: DurableContext) -> Any:
        if ctx.run.spec.input == "badly":
            raise EffectFailed("bad", "luck")
        await ctx.receive("go", "go")

    lab.program(loop)
    lab.program(live, agent="child")
    run = await lab.submit()
    below = await kids(lab)
    await lab.send(below["well"], "go", {}, "m1")
    await lab.engine.cancel(below["never"])
    assert (await lab.result(run)).output == ["completed", "failed", "cancelled"]


async def _sleep_over(ctx: DurableContext, ids: list[str]) -> list[RunResult | None]:
    ctx.emit("asleep", NewEvent(RUN_SLEEPING, {}))
    return list((await ctx.wait("nap", ids)).values())


@only_parked
async def test_of_a_sleeper_that_is_parked_or_over_nothing_waits_for_the_garbage_collector(lab: Lab) -> None:
    lab.is_replayable = False
    seen: list[ref[Any]] = []

    async def loop(ctx: DurableContext) -> Any:
        seen.append(ref(ctx))
        await nap(ctx)

    lab.program(loop)
    gc.disable()
    try:
        run = await lab.submit()
        await lab.settle()
        await lab.cancel(run)
        await lab.settle()
        assert [each() for each in seen] == [None, None]
    finally:
        gc.enable()
