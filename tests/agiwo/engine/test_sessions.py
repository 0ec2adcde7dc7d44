"""Who may run when: sessions, slots that waits give up, agents that come and go, stores that refuse for a while."""

import asyncio
from typing import Any

import pytest
from agiwo.durable import SPEC, DurableContext, StepResult, StepScope
from agiwo.engine.pasts import BASE
from agiwo.errors import Conflict, StorageError
from agiwo.schema.event import ITEM_COMPLETED, LOG, RUN_QUEUED, RUN_RESUMED, RUN_STARTED
from agiwo.schema.past import Past
from agiwo.schema.run import RunSpec, RunStatus
from engine_lab import Lab, echo, hang
from engine_tape import batches

pytestmark = pytest.mark.anyio


async def _obey(ctx: DurableContext) -> Any:
    message = await ctx.receive("order", "order")
    return message and message.data["text"]


async def _say(ctx: DurableContext) -> Any:
    return await ctx.step("say", "echo", ctx.run.spec.input)


def _appended(lab: Lab, run: str) -> list[tuple[str, ...]]:
    """The types of what was recorded of a run, commit by commit."""
    return [
        tuple(e.type for e in each.entries) for taken in lab.tape.taken for each in batches(taken) if each.run == run
    ]


def _said(past: Past) -> list[Any]:
    return [record.data["value"] for run in past for record in run if record.key == "say"]


async def _say_past(ctx: DurableContext) -> Any:
    await ctx.step("say", "echo", ctx.run.spec.input)
    return _said(ctx.run.past)


# Sessions


async def test_runs_of_one_session_go_one_after_the_other_in_the_order_they_came(lab: Lab) -> None:
    lab.program(_obey)
    runs = [await lab.submit(session="s") for _ in range(3)]
    for number, run in enumerate(runs):
        assert await lab.status(run) == RunStatus.WAITING
        assert all([await lab.status(later) == RunStatus.QUEUED for later in runs[number + 1 :]])
        await lab.send(run, "order", {"text": number}, "m")
        assert (await lab.result(run)).output == number


async def test_a_run_that_need_not_wait_is_queued_and_started_in_one_commit(lab: Lab) -> None:
    lab.program(_obey)
    first = await lab.submit(session="s")
    second = await lab.submit(session="s")
    await lab.settle()
    opening = [(RUN_QUEUED, SPEC), (RUN_STARTED, ITEM_COMPLETED, BASE)]
    assert _appended(lab, first)[:1] == [opening[0] + opening[1]]
    await lab.cancel(first)
    await lab.settle()
    assert _appended(lab, second)[:2] == opening
    await lab.cancel(second)


@pytest.mark.parametrize("engine_options", [{"max_concurrent": 1}])
@pytest.mark.parametrize("turns", range(2))
async def test_a_run_that_is_cancelled_before_it_does_anything_gives_its_slot_back(lab: Lab, turns: int) -> None:
    lab.program(_say, echo=echo)
    lab.is_replayable = False  # it may come to its end before it is cancelled
    run = await lab.submit(input="first")
    for _ in range(turns):
        await asyncio.sleep(0)
    await lab.engine.cancel(run)
    assert (await lab.run(input="second")).output == "second"


async def test_whose_session_a_new_run_is_about_to_enter_cannot_be_rewound(lab: Lab) -> None:
    lab.program(_say, echo=echo)
    await lab.run(input="one", session="s", run="first")
    submitting = asyncio.create_task(lab.engine.submit(RunSpec("tiny", "s", "two")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Conflict, match="is going or waits to go"):
        await lab.engine.branching.rewind("s", "first")
    assert (await lab.result(await submitting)).output == "two"


async def test_runs_of_different_sessions_go_side_by_side(lab: Lab) -> None:
    lab.program(_obey)
    runs = [await lab.submit() for _ in range(3)]
    assert [await lab.status(run) for run in runs] == [RunStatus.WAITING] * 3
    for run in runs:
        await lab.cancel(run)


async def test_a_run_reads_what_its_session_said_before(lab: Lab) -> None:
    lab.program(_say_past, echo=echo)
    outputs = [(await lab.run(input=text, session="s")).output for text in ("one", "two", "three")]
    assert outputs == [[], ["one"], ["one", "two"]]
    assert (await lab.run(input="four", session="other")).output == []


async def test_a_run_reads_the_session_as_it_was_when_it_began_however_often_it_is_replayed(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.step("say", "echo", ctx.run.spec.input)
        await ctx.receive("go", "go")
        return _said(ctx.run.past)

    lab.program(_say_past, agent="first", echo=echo)
    lab.program(loop, echo=echo)
    await lab.run("first", "one", session="s")
    run = await lab.submit(input="two", session="s")
    await lab.settle()
    await lab.restart()
    await lab.send(run, "go", {}, "m1")
    assert (await lab.result(run)).output == ["one"]


async def test_runs_submitted_at_once_to_a_new_session_all_see_each_other(lab: Lab) -> None:
    lab.program(_say_past, echo=echo)
    runs = await asyncio.gather(*(lab.submit(input=str(number), session="new") for number in range(8)))
    results = [await lab.result(run) for run in runs]
    assert sorted(len(result.output) for result in results) == list(range(8))


async def test_a_cancelled_run_is_part_of_its_session(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.step("say", "echo", ctx.run.spec.input)
        await ctx.step("hang", "hang", None)

    lab.program(loop, echo=echo, hang=hang)
    lab.program(_say_past, agent="next", echo=echo)
    run = await lab.submit(input="cut off", session="s")
    await lab.settle()
    await lab.cancel(run)
    assert (await lab.run("next", session="s")).output == ["cut off"]


async def test_a_run_cancelled_in_the_queue_leaves_no_trace_in_its_session(lab: Lab) -> None:
    lab.program(_say_past, echo=echo)
    lab.program(_obey, agent="first")
    first = await lab.submit("first", session="s")
    second = await lab.submit(input="never", session="s")
    third = await lab.submit(input="third", session="s")
    await lab.cancel(second)
    await lab.send(first, "order", {"text": ""}, "m1")
    assert (await lab.result(third)).output == []


async def test_a_session_keeps_its_order_across_a_restart(lab: Lab) -> None:
    lab.program(_obey)
    runs = [await lab.submit(session="s") for _ in range(3)]
    await lab.settle()
    await lab.restart()
    for number, run in enumerate(runs):
        assert await lab.status(run) == RunStatus.WAITING
        await lab.send(run, "order", {"text": number}, "m")
        await lab.result(run)
    assert [(await lab.types(run)).count(RUN_RESUMED) for run in runs] == [1, 0, 0]


# Slots


@pytest.mark.parametrize("engine_options", [{"max_concurrent": 2}])
async def test_only_so_many_runs_work_at_the_same_time(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return await ctx.step("work", "work", None)

    working: set[str] = set()
    gates: dict[str, asyncio.Event] = {}

    async def work(scope: StepScope, arg: Any) -> StepResult:
        working.add(scope.run.id)
        await gates.setdefault(scope.run.id, asyncio.Event()).wait()
        working.discard(scope.run.id)
        return StepResult("worked")

    lab.program(loop, work=work)
    runs = [await lab.submit() for _ in range(5)]
    await lab.settle()
    for place, run in enumerate(runs):
        assert working == set(runs[place : place + 2])
        gates[run].set()
        await lab.result(run)
        await lab.settle()


@pytest.mark.parametrize("engine_options", [{"max_concurrent": 1}])
async def test_a_parent_that_waits_for_its_child_gives_it_the_only_slot(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth == 3:
            return await ctx.step("deep", "echo", "down here")
        await ctx.step("before", "echo", 1)
        id = await ctx.spawn("below", RunSpec("tiny", f"{ctx.run.id} below", "x"))
        found = (await ctx.wait("for it", [id]))[id]
        return await ctx.step("after", "echo", found and found.output)

    lab.program(loop, echo=echo)
    assert (await lab.run()).output == "down here"


@pytest.mark.parametrize("engine_options", [{"max_concurrent": 1}])
async def test_a_step_beside_a_wait_does_not_keep_the_slot_from_the_child(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth:
            return await ctx.step("deep", "echo", "child")

        async def call_child() -> Any:
            id = await ctx.spawn("below", RunSpec("tiny", "below", "x"))
            found = (await ctx.wait("for it", [id]))[id]
            return found and found.output

        both = await asyncio.gather(call_child(), ctx.step("beside", "echo", "tool"))
        return await ctx.step("after", "echo", both)

    lab.program(loop, echo=echo)
    assert (await lab.run()).output == ["child", "tool"]


async def test_a_child_in_a_session_above_it_is_refused_because_it_could_never_start(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth:
            with pytest.raises(Conflict, match="another session than run"):
                await ctx.spawn("above", RunSpec("tiny", str(ctx.run.spec.input), "x"))
            return "refused"
        with pytest.raises(Conflict, match="another session than run"):
            await ctx.spawn("own", RunSpec("tiny", ctx.run.spec.session, "x"))
        id = await ctx.spawn("below", RunSpec("tiny", "below", ctx.run.spec.session))
        found = (await ctx.wait("for it", [id]))[id]
        return found and found.output

    lab.program(loop)
    assert (await lab.run()).output == "refused"


@pytest.mark.parametrize("engine_options", [{"max_concurrent": 1}])
async def test_a_run_asleep_lets_others_work(lab: Lab) -> None:
    async def sleep(ctx: DurableContext) -> Any:
        await ctx.wait("timer", [], timeout=10)
        return await ctx.step("say", "echo", "slept")

    lab.program(sleep, agent="sleeper", echo=echo)
    lab.program(_say, echo=echo)
    sleepers = [await lab.submit("sleeper") for _ in range(5)]
    assert (await lab.run(input="worked")).output == "worked"
    await lab.advance(10)
    assert [(await lab.result(run)).output for run in sleepers] == ["slept"] * 5


# Agents


async def test_a_run_of_an_unknown_agent_is_suspended_until_it_is_registered(lab: Lab) -> None:
    run = await lab.submit("later", "hello")
    assert await lab.status(run) == RunStatus.SUSPENDED
    assert "'later' is not registered" in (await lab.records(run))[-1].data["reason"]
    assert await lab.types(run) == [RUN_QUEUED]
    lab.program(_say, agent="later", echo=echo)
    assert await lab.engine.resume(run)
    assert (await lab.result(run)).output == "hello"


async def test_whoever_reads_a_suspended_run_is_told_why_nothing_happens(lab: Lab) -> None:
    run = await lab.submit("later", "hello")
    await lab.settle()
    for _ in range(2):  # also who comes later
        cursor = await lab.engine.events(run)
        events = await cursor.pull()
        assert [event.type for event in events] == [RUN_QUEUED, LOG]
        assert "'later' is not registered" in events[-1].data["message"]
    lab.program(_say, agent="later", echo=echo)
    assert await lab.engine.resume(run)
    assert (await lab.result(run)).output == "hello"
    cursor = await lab.engine.events(run)
    assert LOG not in [event.type for event in await cursor.pull()]


async def test_a_run_whose_agent_is_gone_after_a_restart_goes_on_once_it_is_back(lab: Lab) -> None:
    lab.program(_obey)
    run = await lab.submit()
    await lab.settle()
    program = lab.programs.pop("tiny")
    await lab.restart()
    assert await lab.status(run) == RunStatus.SUSPENDED
    await lab.restart()
    assert await lab.status(run) == RunStatus.SUSPENDED
    await lab.send(run, "order", {"text": "meanwhile"}, "m1")
    lab.programs["tiny"] = program
    assert await lab.engine.resume(run)
    assert (await lab.result(run)).output == "meanwhile"


async def test_a_run_begun_by_another_version_of_the_loop_is_suspended(lab: Lab) -> None:
    lab.program(_obey)
    run = await lab.submit()
    await lab.settle()
    lab.program(_obey, version="2")
    await lab.restart()
    assert await lab.status(run) == RunStatus.SUSPENDED
    assert "loop version 1, and this is version 2" in (await lab.records(run))[-1].data["reason"]
    lab.program(_obey, version="1")
    assert await lab.engine.resume(run)
    await lab.cancel(run)


async def test_only_a_suspended_run_is_resumed(lab: Lab) -> None:
    lab.program(_obey)
    run = await lab.submit()
    await lab.settle()
    assert not await lab.engine.resume(run)
    assert not await lab.engine.resume("run_ghost")
    await lab.cancel(run)


async def test_time_while_suspended_does_not_count(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.step("work", "hang", None)

    lab.is_replayable = False
    lab.program(loop, hang=hang)
    run = await lab.submit(timeout=60)
    await lab.advance(30)
    program = lab.programs.pop("tiny")
    await lab.restart()
    await lab.advance(1000)
    await lab.send(run, "order", {}, "mail comes while nothing runs")
    await lab.advance(1000)
    lab.programs["tiny"] = program
    await lab.restart()
    await lab.advance(59)
    assert await lab.status(run) == RunStatus.RUNNING
    await lab.advance(1)
    assert (await lab.result(run)).reason == "the run took longer than 60 seconds"


# Stores that refuse


async def test_while_the_store_refuses_runs_are_suspended_and_go_on_when_it_is_well(lab: Lab) -> None:
    gate = asyncio.Event()

    async def wait(scope: StepScope, arg: Any) -> StepResult:
        await gate.wait()
        return StepResult("kept")

    async def loop(ctx: DurableContext) -> Any:
        return await ctx.step("one", "wait", None)

    lab.program(loop, wait=wait)
    runs = [await lab.submit() for _ in range(3)]
    await lab.settle()
    lab.tape.is_refusing = True
    gate.set()
    assert [await lab.status(run) for run in runs] == [RunStatus.SUSPENDED] * 3
    with pytest.raises(StorageError, match="full") as refused:
        await lab.submit()
    assert refused.value.retryable
    with pytest.raises(StorageError):
        await lab.send(runs[0], "order", {}, "m1")
    assert [(await lab.types(run))[-1] for run in runs] == [ITEM_COMPLETED] * 3
    lab.tape.is_refusing = False
    await lab.storage_is_well()
    assert [(await lab.result(run)).output for run in runs] == ["kept"] * 3
    assert lab.ran == [(run, "one") for run in runs]


@pytest.mark.parametrize("engine_options", [{"max_concurrent": 1}])
async def test_what_was_refused_leaves_nothing_behind(lab: Lab) -> None:
    lab.program(_say_past, echo=echo)
    lab.tape.is_refusing = True
    with pytest.raises(StorageError):
        await lab.engine.submit(RunSpec("tiny", "s", "lost"), run="mine")
    lab.tape.is_refusing = False
    await lab.storage_is_well()
    assert await lab.heads() == []
    assert (await lab.run(input="again", session="s", run="mine")).output == []
    assert (await lab.run(input="second", session="s")).output == ["again"]


async def test_a_run_that_starts_while_the_store_refuses_starts_when_it_is_well(lab: Lab) -> None:
    lab.program(_obey)
    lab.program(_say, agent="next", echo=echo)
    first = await lab.submit(session="s")
    second = await lab.submit("next", "then me", session="s")
    await lab.settle()
    await lab.send(first, "order", {"text": "end"}, "m1")
    lab.tape.is_refusing = True
    await lab.settle()
    lab.tape.is_refusing = False
    await lab.storage_is_well()
    assert (await lab.result(second)).output == "then me"
    assert (await lab.types(second)).count(RUN_STARTED) == 1
