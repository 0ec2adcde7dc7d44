"""Children, waits, timers and mail: what a loop does while it does nothing."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from agiwo.durable import DurableContext, Outcome, StepResult, StepScope
from agiwo.errors import Conflict, EffectFailed, NotFound
from agiwo.schema.event import CHILD_FINISHED, CHILD_SPAWNED, RUN_SLEEPING, RUN_WOKEN, NewEvent
from agiwo.schema.run import RunResult, RunSpec, RunStatus
from engine_lab import Lab, echo, hang
from engine_tape import batches

pytestmark = pytest.mark.anyio


def child(name: str, agent: str = "child") -> RunSpec:
    return RunSpec(agent, f"session of {name}", name)


def said(results: Mapping[str, RunResult | None]) -> list[Any]:
    return [result and result.output for result in results.values()]


async def _answer(ctx: DurableContext) -> Any:
    return await ctx.step("answer", "echo", f"I am {ctx.run.spec.input}")


async def _obey(ctx: DurableContext) -> Any:
    message = await ctx.receive("order", "order")
    return message and message.data["text"]


# Children


async def test_a_child_runs_and_its_parent_gets_what_it_said(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        id = await ctx.spawn("kid", child("kid"))
        return said(await ctx.wait("for kid", [id]))

    lab.program(loop)
    lab.program(_answer, agent="child", echo=echo)
    run = await lab.submit()
    assert (await lab.result(run)).output == ["I am kid"]
    assert [type for type in await lab.types(run) if "child" in type] == [CHILD_SPAWNED, CHILD_FINISHED]
    head = (await lab.heads())[1]
    assert (head.parent, head.session, head.status) == (run, "session of kid", RunStatus.COMPLETED)


async def test_a_spawn_gives_the_same_child_however_often_it_is_replayed(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        id = await ctx.spawn("kid", child("kid"))
        await ctx.receive("go", "go")
        return id

    lab.program(loop)
    lab.program(_answer, agent="child", echo=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.restart()
    await lab.restart()
    await lab.send(run, "go", {}, "m1")
    id = (await lab.result(run)).output
    assert [head.run for head in await lab.heads()] == [run, id]
    assert (await lab.types(run)).count(CHILD_SPAWNED) == 1


async def test_a_child_has_a_depth_one_below_its_parent(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth == 3:
            return [ctx.run.spec.depth]
        id = await ctx.spawn("down", child(f"level {ctx.run.spec.depth + 1}", agent="tiny"))
        return [ctx.run.spec.depth, *said(await ctx.wait("for it", [id]))[0]]

    lab.program(loop)
    assert (await lab.run()).output == [0, 1, 2, 3]


async def test_a_parent_hears_of_a_child_that_failed(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        found = await ctx.wait("for kid", [await ctx.spawn("kid", child("kid"))])
        return [result and result.to_json()["error"] for result in found.values()]

    async def fail(ctx: DurableContext) -> Any:
        return Outcome(RunStatus.FAILED, error={"kind": "auth", "message": "no", "retryable": False})

    lab.program(loop)
    lab.program(fail, agent="child")
    assert (await lab.run()).output == [{"kind": "auth", "message": "no", "retryable": False}]


# Waitsets


async def _spawn_two(ctx: DurableContext) -> list[str]:
    return [await ctx.spawn("a", child("a")), await ctx.spawn("b", child("b"))]


async def _children(lab: Lab) -> dict[str, str]:
    """Runs of children by the end of their session's name."""
    await lab.settle()
    return {head.session[-1]: head.run for head in await lab.heads() if head.parent}


async def test_a_wait_for_all_ends_with_the_last_one(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return said(await ctx.wait("both", await _spawn_two(ctx)))

    lab.program(loop)
    lab.program(_obey, agent="child")
    run = await lab.submit()
    kids = await _children(lab)
    await lab.send(kids["b"], "order", {"text": "b did"}, "m1")
    assert await lab.status(run) == RunStatus.WAITING
    await lab.send(kids["a"], "order", {"text": "a did"}, "m2")
    assert (await lab.result(run)).output == ["a did", "b did"]


async def test_a_wait_for_any_ends_with_the_first_one(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        ids = await _spawn_two(ctx)
        first = said(await ctx.wait("any", ids, "any"))
        return [first, said(await ctx.wait("all", ids))]

    lab.program(loop)
    lab.program(_obey, agent="child")
    run = await lab.submit()
    kids = await _children(lab)
    await lab.send(kids["b"], "order", {"text": "b did"}, "m1")
    await lab.settle()
    await lab.send(kids["a"], "order", {"text": "a did"}, "m2")
    assert (await lab.result(run)).output == [[None, "b did"], ["a did", "b did"]]


@pytest.mark.parametrize("mode", ["all", "any"])
async def test_a_wait_whose_time_is_over_tells_which_ones_are_still_going(lab: Lab, mode: Any) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return said(await ctx.wait("both", await _spawn_two(ctx), mode, timeout=60))

    lab.program(loop)
    lab.program(_obey, agent="child")
    run = await lab.submit()
    await lab.advance(59)
    assert await lab.status(run) == RunStatus.WAITING
    await lab.advance(1)
    assert (await lab.result(run)).output == [None, None]
    for kid in (await _children(lab)).values():
        await lab.send(kid, "order", {"text": "late"}, f"to {kid}")


async def test_a_wait_that_times_out_still_gives_what_came_in_time(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return said(await ctx.wait("both", await _spawn_two(ctx), timeout=60))

    lab.program(loop)
    lab.program(_obey, agent="child")
    run = await lab.submit()
    kids = await _children(lab)
    await lab.send(kids["a"], "order", {"text": "a did"}, "m1")
    await lab.advance(60)
    assert (await lab.result(run)).output == ["a did", None]
    await lab.send(kids["b"], "order", {"text": "late"}, "m2")


async def test_a_wait_for_runs_that_have_ended_already_does_not_wait(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        ids = await _spawn_two(ctx)
        await ctx.wait("all", ids)
        return said(await ctx.wait("again", ids, "any", timeout=1))

    lab.program(loop)
    lab.program(_answer, agent="child", echo=echo)
    assert (await lab.run()).output == ["I am a", "I am b"]


async def test_naming_a_run_twice_is_waiting_for_it_once(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        id = await ctx.spawn("kid", child("kid"))
        return said(await ctx.wait("for kid", [id, id]))

    lab.program(loop)
    lab.program(_answer, agent="child", echo=echo)
    assert (await lab.run()).output == ["I am kid"]


async def test_what_a_wait_gave_is_recorded(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        first = said(await ctx.wait("any", await _spawn_two(ctx), "any"))
        await ctx.receive("go", "go")
        return first

    lab.program(loop)
    lab.program(_obey, agent="child")
    run = await lab.submit()
    kids = await _children(lab)
    await lab.send(kids["a"], "order", {"text": "a did"}, "m1")
    await lab.settle()
    await lab.send(kids["b"], "order", {"text": "b did"}, "m2")
    await lab.settle()
    await lab.restart()
    await lab.send(run, "go", {}, "m3")
    assert (await lab.result(run)).output == ["a did", None]


async def test_waiting_for_a_run_that_does_not_exist_fails_the_run(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return await ctx.wait("ghost", ["run_ghost"])

    lab.program(loop)
    result = await lab.run()
    assert result.error == {"kind": "internal", "message": "NotFound in the loop", "retryable": False}


# Timers


async def _sleep(ctx: DurableContext) -> Any:
    await ctx.wait("sleep", [], timeout=3600)
    return "woke up"


async def test_a_wait_without_runs_is_a_timer(lab: Lab) -> None:
    lab.program(_sleep)
    run = await lab.submit()
    await lab.advance(3599)
    assert await lab.status(run) == RunStatus.WAITING
    await lab.advance(1)
    assert (await lab.result(run)).output == "woke up"


async def test_a_timer_keeps_its_deadline_across_a_restart(lab: Lab) -> None:
    lab.program(_sleep)
    run = await lab.submit()
    await lab.advance(3000)
    await lab.restart()
    await lab.advance(599)
    assert await lab.status(run) == RunStatus.WAITING
    await lab.advance(1)
    assert (await lab.result(run)).output == "woke up"


async def test_a_timer_that_came_due_while_no_process_was_there_rings_at_once(lab: Lab) -> None:
    lab.program(_sleep)
    run = await lab.submit()
    await lab.settle()
    lab.clock.advance(10_000)
    await lab.restart()
    await lab.advance(0)
    assert (await lab.result(run)).output == "woke up"


async def test_a_run_that_says_so_is_asleep_and_is_so_again_after_a_restart(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        ctx.emit("sleep", NewEvent(RUN_SLEEPING, {}))
        await ctx.wait("timer", [], timeout=60)
        ctx.emit("woken", NewEvent(RUN_WOKEN, {"by": "timer"}))
        return await ctx.step("work", "echo", "awake")

    lab.program(loop, echo=echo)
    run = await lab.submit()
    assert await lab.status(run) == RunStatus.SLEEPING
    await lab.restart()
    assert await lab.status(run) == RunStatus.SLEEPING
    await lab.advance(60)
    assert (await lab.result(run)).output == "awake"
    assert [type for type in await lab.types(run) if type in (RUN_SLEEPING, RUN_WOKEN)] == [RUN_SLEEPING, RUN_WOKEN]


async def test_two_timers_side_by_side_each_ring_at_their_time(lab: Lab) -> None:
    order: list[str] = []

    async def loop(ctx: DurableContext) -> Any:
        async def ring(name: str, after: float) -> None:
            await ctx.wait(name, [], timeout=after)
            order.append(name)

        await asyncio.gather(ring("late", 20), ring("early", 10))
        return await ctx.step("after", "echo", "both")

    lab.program(loop, echo=echo)
    run = await lab.submit()
    await lab.advance(10)
    assert order == ["early"]
    await lab.advance(10)
    assert (await lab.result(run)).output == "both"
    assert order == ["early", "late"]


async def test_two_waits_that_end_together_leave_the_run_running(lab: Lab) -> None:
    lab.is_replayable = False  # the effect hangs, so that the status can be seen

    async def loop(ctx: DurableContext) -> Any:
        await asyncio.gather(ctx.wait("a", [], timeout=10), ctx.wait("b", [], timeout=10))
        await ctx.step("after", "hang", None)

    lab.program(loop, hang=hang)
    run = await lab.submit()
    await lab.advance(10)
    assert await lab.status(run) == RunStatus.RUNNING
    await lab.cancel(run)


# Mail


async def test_a_message_that_came_before_anybody_asked_is_received(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        await ctx.wait("timer", [], timeout=10)
        message = await ctx.receive("order", "order")
        return message and [message.id, message.topic, message.data, message.at]

    lab.program(loop)
    run = await lab.submit()
    await lab.settle()
    at = lab.clock.now()
    await lab.send(run, "order", {"text": "early"}, "m1")
    await lab.advance(10)
    assert (await lab.result(run)).output == ["m1", "order", {"text": "early"}, at]


async def test_a_message_for_another_topic_or_another_match_stays_in_the_mailbox(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        third = await ctx.receive("a", "approval", {"call": "third"})
        rest = [await ctx.receive(key, topic) for key, topic in (("b", "approval"), ("c", "shutdown"))]
        return [message and message.id for message in (third, *rest)]

    lab.program(loop)
    run = await lab.submit()
    await lab.send(run, "shutdown", {"call": "third"}, "m1")
    await lab.send(run, "approval", {"call": "second"}, "m2")
    await lab.settle()
    await lab.send(run, "approval", {"call": "third", "granted": True}, "m3")
    assert (await lab.result(run)).output == ["m3", "m2", "m1"]


async def test_messages_are_received_oldest_first_and_each_once(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        messages = [await ctx.receive(str(number), "order") for number in range(3)]
        return [message and message.id for message in messages]

    lab.program(loop)
    run = await lab.submit()
    for number in range(3):
        await lab.send(run, "order", {}, f"m{number}")
    assert (await lab.result(run)).output == ["m0", "m1", "m2"]


async def test_two_who_receive_side_by_side_get_two_messages(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        messages = await asyncio.gather(*(ctx.receive(name, "order") for name in "ab"))
        return [message and message.id for message in messages]

    lab.program(loop)
    run = await lab.submit()
    await lab.settle()
    await lab.send(run, "order", {}, "m1")
    await lab.settle()
    assert await lab.status(run) == RunStatus.WAITING
    await lab.send(run, "order", {}, "m2")
    assert (await lab.result(run)).output == ["m1", "m2"]


async def test_a_message_sent_twice_is_one_message(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        first = await ctx.receive("first", "order")
        second = await ctx.receive("second", "order", timeout=10)
        return [first and first.data["text"], second]

    lab.program(loop)
    run = await lab.submit()
    sends = (lab.send(run, "order", {"text": text}, "m1") for text in ("one", "two", "three"))
    await asyncio.gather(*sends)
    await lab.send(run, "order", {"text": "four"}, "m1")
    await lab.advance(10)
    assert (await lab.result(run)).output == ["one", None]


async def test_nobody_writes_and_the_time_is_over(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return await ctx.receive("order", "order", timeout=10)

    lab.program(loop)
    run = await lab.submit()
    await lab.advance(10)
    result = await lab.result(run)
    assert (result.status, result.output) == (RunStatus.COMPLETED, None)


async def test_a_message_after_the_timeout_is_there_for_the_next_who_asks(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        first = await ctx.receive("first", "order", timeout=10)
        second = await ctx.receive("second", "order")
        return [first, second and second.id]

    lab.program(loop)
    run = await lab.submit()
    await lab.advance(10)
    await lab.send(run, "order", {}, "m1")
    assert (await lab.result(run)).output == [None, "m1"]


async def test_mail_survives_a_restart_and_what_was_taken_stays_taken(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        first = await ctx.receive("first", "order")
        await ctx.receive("go", "go")
        second = await ctx.receive("second", "order", timeout=10)
        return [message and message.id for message in (first, second)]

    lab.program(loop)
    run = await lab.submit()
    await lab.send(run, "order", {}, "m1")
    await lab.settle()
    await lab.send(run, "order", {}, "m2")
    await lab.restart()
    await lab.send(run, "go", {}, "m3")
    assert (await lab.result(run)).output == ["m1", "m2"]


async def test_a_run_that_has_ended_takes_no_mail(lab: Lab) -> None:
    lab.program(_answer, echo=echo)
    run = await lab.submit()
    await lab.result(run)
    with pytest.raises(Conflict, match="has ended"):
        await lab.send(run, "order", {}, "m1")
    with pytest.raises(NotFound):
        await lab.send("run_ghost", "order", {}, "m1")


# Mail that a step drains


class Listener:
    """An effect that listens while it works: it takes mail at its start and closes the box at its end."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        heard = [message.id for message in await scope.drain("steer")]
        await self.gate.wait()
        return StepResult({"heard": heard, "closed": await scope.close("steer")})


async def _listen_until_closed(ctx: DurableContext) -> Any:
    turns: list[Any] = []
    while not turns or not turns[-1]["closed"]:
        turns.append(await ctx.step(str(len(turns)), "listen", None))
    await ctx.receive("end", "end")
    return [turn["heard"] for turn in turns]


async def test_a_step_that_was_steered_while_it_worked_cannot_close_the_box(lab: Lab) -> None:
    lab.is_replayable = False  # which step hears a message depends on when it came
    listener = Listener()
    lab.program(_listen_until_closed, listen=listener)
    run = await lab.submit()
    await lab.send(run, "steer", {}, "m1")
    await lab.settle()
    await lab.send(run, "steer", {}, "m2")
    listener.gate.set()
    await lab.settle()
    with pytest.raises(Conflict, match="takes no more messages"):
        await lab.send(run, "steer", {}, "m3")
    await lab.restart()
    with pytest.raises(Conflict, match="takes no more messages"):
        await lab.send(run, "steer", {}, "m3")
    await lab.send(run, "end", {}, "m4")
    assert sorted(id for heard in (await lab.result(run)).output for id in heard) == ["m1", "m2"]


async def test_what_a_failed_step_drained_is_there_for_the_next(lab: Lab) -> None:
    async def drain_and_fail(scope: StepScope, arg: Any) -> StepResult:
        await scope.drain("steer")
        await scope.close("steer")
        raise ValueError

    async def drain(scope: StepScope, arg: Any) -> StepResult:
        return StepResult([message.id for message in await scope.drain("steer")])

    async def loop(ctx: DurableContext) -> Any:
        await ctx.receive("go", "go")
        try:
            await ctx.step("fails", "drain_and_fail", None)
        except EffectFailed:
            return await ctx.step("works", "drain", None)

    lab.program(loop, drain_and_fail=drain_and_fail, drain=drain)
    run = await lab.submit()
    await lab.send(run, "steer", {}, "m1")
    await lab.send(run, "go", {}, "m2")
    assert (await lab.result(run)).output == ["m1"]


async def test_a_box_that_is_drained_again_is_open_again_also_in_a_replay(lab: Lab) -> None:
    async def close(scope: StepScope, arg: Any) -> StepResult:
        return StepResult(await scope.close("steer"))

    async def drain(scope: StepScope, arg: Any) -> StepResult:
        return StepResult([message.id for message in await scope.drain("steer")])

    async def loop(ctx: DurableContext) -> Any:
        await ctx.step("close", "close", None)
        await ctx.step("drain", "drain", None)
        await ctx.receive("go", "go")
        return await ctx.step("again", "drain", None)

    lab.program(loop, close=close, drain=drain)
    run = await lab.submit()
    await lab.settle()
    await lab.restart()
    await lab.send(run, "steer", {}, "m1")
    await lab.send(run, "go", {}, "m2")
    assert (await lab.result(run)).output == ["m1"]


# What a sleeping run waits for


async def _sleep_on(ctx: DurableContext) -> Any:
    ids = await _spawn_two(ctx)
    ctx.emit("asleep", NewEvent(RUN_SLEEPING, {}))
    waited = await ctx.wait("sleep", ids, "any", timeout=3600)
    ctx.emit("awake", NewEvent(RUN_WOKEN, {"late": waited.late}))
    return [waited.late, said(waited)]


async def test_what_a_sleeping_run_waits_for_stands_in_the_index_while_it_sleeps(lab: Lab) -> None:
    lab.program(_sleep_on)
    lab.program(_obey, agent="child")
    run = await lab.submit()
    kids, deadline = await _children(lab), lab.clock.now() + 3600
    wake = {"deadline": deadline, "runs": [kids["a"], kids["b"]], "mode": "any"}
    head = await lab.engine.head(run)
    assert (head.status, head.wake) == (RunStatus.SLEEPING, wake)
    assert [(await lab.engine.head(kid)).wake for kid in kids.values()] == [None, None]

    await lab.restart()
    assert (await lab.engine.head(run)).wake == wake
    await lab.send(kids["b"], "order", {"text": "b did"}, "m1")
    assert (await lab.result(run)).output == [0.0, [None, "b did"]]
    assert (await lab.engine.head(run)).wake is None


async def test_a_cancelled_sleeper_waits_for_nothing(lab: Lab) -> None:
    lab.program(_sleep_on)
    lab.program(_obey, agent="child")
    run = await lab.submit()
    await lab.settle()
    await lab.cancel(run)
    wakes = {change.status: change.wake for changes in lab.tape.taken for change in batches(changes) if change.status}
    assert wakes[RunStatus.CANCELLING] is None


# Wakes that were missed


async def test_a_wake_that_was_missed_happens_once_and_says_how_late_it_is(lab: Lab) -> None:
    lab.program(_sleep_on)
    lab.program(_obey, agent="child")
    run = await lab.submit()
    await lab.settle()
    await lab.restart(after=3600 + 90)
    assert (await lab.result(run)).output == [90.0, [None, None]]
    assert [event.data["late"] for event in await lab.events(run) if event.type == RUN_WOKEN] == [90.0]
    await lab.restart()
    assert (await lab.types(run)).count(RUN_WOKEN) == 1
    for kid in (await _children(lab)).values():
        await lab.send(kid, "order", {"text": "late"}, f"to {kid}")


@pytest.mark.parametrize(("seconds", "late"), [(3600.0, 0.0), (3601.0, 0.0), (3601.5, 1.5)])
async def test_a_wake_within_a_second_of_its_deadline_is_in_time(lab: Lab, seconds: float, late: float) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return (await ctx.wait("timer", [], timeout=3600)).late

    lab.program(loop)
    run = await lab.submit()
    await lab.settle()
    await lab.restart(after=seconds)
    assert (await lab.result(run)).output == late


async def test_a_wait_that_got_what_it_waited_for_is_not_late(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        kid = await ctx.spawn("kid", child("kid"))
        await ctx.wait("first", [kid])
        await ctx.wait("pause", [], timeout=5000)
        return (await ctx.wait("again", [kid], timeout=0)).late

    lab.program(loop)
    lab.program(_answer, agent="child", echo=echo)
    run = await lab.submit()
    await lab.advance(5000)
    assert (await lab.result(run)).output == 0.0
