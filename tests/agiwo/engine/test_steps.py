"""Steps of the durable context: done once, recorded, and given back from the record ever after."""

import asyncio
import logging
from typing import Any

import pytest
from agiwo.durable import DurableContext, Outcome, StepResult, StepScope
from agiwo.errors import EffectFailed, ModelError
from agiwo.schema.event import ITEM_COMPLETED, RUN_RESUMED, NewEvent
from agiwo.schema.run import RunStatus
from engine_lab import Lab, echo, hang
from engine_tape import batches

pytestmark = pytest.mark.anyio


async def refuse(scope: StepScope, arg: Any) -> StepResult:
    raise EffectFailed("refused", "not today", retryable=True, detail={"when": "tomorrow"})


async def _one_step(ctx: DurableContext) -> Any:
    return await ctx.step("one", "effect", ctx.run.spec.input)


async def _step_then_mail(ctx: DurableContext) -> Any:
    first = await ctx.step("first", "effect", 1)
    message = await ctx.receive("go", "go")
    return [first, message and message.id]


async def _failure_then_mail(ctx: DurableContext) -> Any:
    try:
        await ctx.step("first", "effect", 1)
    except EffectFailed as error:
        await ctx.receive("go", "go")
        return {"kind": error.kind, "text": str(error), "retryable": error.retryable, "detail": error.detail}


async def _once(ctx: DurableContext) -> Any:
    try:
        return await ctx.step("only", "effect", "x", once=True)
    except EffectFailed as error:
        return error.kind


async def test_a_step_gives_what_its_effect_gives(lab: Lab) -> None:
    value = {"n": 1, "text": "Grüße 🌍", "list": [1, None, True, 0.5]}

    async def loop(ctx: DurableContext) -> Any:
        return await ctx.step("one", "echo", value)

    lab.program(loop, echo=echo)
    result = await lab.run()
    assert result.status == RunStatus.COMPLETED
    assert result.output == value


async def test_a_recorded_step_is_not_run_again_after_a_restart(lab: Lab) -> None:
    lab.program(_step_then_mail, effect=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.restart()
    await lab.send(run, "go", {}, "m1")
    assert (await lab.result(run)).output == [1, "m1"]
    assert lab.ran == [(run, "first")]
    assert RUN_RESUMED in await lab.types(run)


async def test_a_step_that_was_under_way_when_the_process_ended_is_run_again(lab: Lab) -> None:
    gate = asyncio.Event()

    async def through_the_gate(scope: StepScope, arg: Any) -> StepResult:
        await gate.wait()
        return StepResult("through")

    lab.program(_one_step, effect=through_the_gate)
    run = await lab.submit()
    await lab.settle()
    await lab.restart()
    gate.set()
    assert (await lab.result(run)).output == "through"
    assert lab.ran == [(run, "one"), (run, "one")]


async def test_a_failure_is_recorded_and_raised_again_in_every_replay(lab: Lab) -> None:
    lab.program(_failure_then_mail, effect=refuse)
    run = await lab.submit()
    await lab.settle()
    await lab.restart()
    await lab.send(run, "go", {}, "m1")
    output = (await lab.result(run)).output
    assert output == {"kind": "refused", "text": "not today", "retryable": True, "detail": {"when": "tomorrow"}}
    assert lab.ran == [(run, "first")]


async def test_a_model_error_keeps_its_kind_provider_and_status(lab: Lab) -> None:
    async def overload(scope: StepScope, arg: Any) -> StepResult:
        raise ModelError("overloaded", "too many of you", provider="lab", status=529)

    lab.program(_failure_then_mail, effect=overload)
    run = await lab.submit()
    await lab.send(run, "go", {}, "m1")
    output = (await lab.result(run)).output
    assert output["kind"] == "overloaded"
    assert output["retryable"] is True
    assert output["detail"] == {"provider": "lab", "httpStatus": 529}


async def test_what_an_effect_raises_by_mistake_is_an_internal_failure_of_its_step(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async def stumble(scope: StepScope, arg: Any) -> StepResult:
        raise KeyError("nothing here")

    lab.program(_failure_then_mail, effect=stumble)
    run = await lab.submit()
    await lab.send(run, "go", {}, "m1")
    assert (await lab.result(run)).output["kind"] == "internal"
    assert "step first failed" in caplog.text


async def test_an_effect_that_cancels_itself_fails_its_step_and_not_the_run(lab: Lab) -> None:
    async def give_up(scope: StepScope, arg: Any) -> StepResult:
        raise asyncio.CancelledError

    lab.program(_failure_then_mail, effect=give_up)
    run = await lab.submit()
    await lab.send(run, "go", {}, "m1")
    result = await lab.result(run)
    assert result.status == RunStatus.COMPLETED
    assert result.output["kind"] == "internal"


@pytest.mark.parametrize("value", [object(), {1, 2}, {"a": b"bytes"}, 2**70, "\ud800", {1: "one"}])
async def test_a_value_that_cannot_be_stored_fails_its_step(lab: Lab, value: Any) -> None:
    async def give(scope: StepScope, arg: Any) -> StepResult:
        return StepResult(value)

    lab.program(_failure_then_mail, effect=give)
    run = await lab.submit()
    await lab.send(run, "go", {}, "m1")
    assert (await lab.result(run)).output["kind"] == "not_storable"


async def test_an_event_that_cannot_be_stored_fails_its_step(lab: Lab) -> None:
    async def give(scope: StepScope, arg: Any) -> StepResult:
        return StepResult("fine", [NewEvent(ITEM_COMPLETED, {"kind": "agentMessage", "text": object()}, "item")])

    lab.program(_failure_then_mail, effect=give)
    run = await lab.submit()
    await lab.send(run, "go", {}, "m1")
    assert (await lab.result(run)).output["kind"] == "not_storable"


async def test_what_the_loop_sees_live_is_what_a_replay_sees(lab: Lab) -> None:
    async def give(scope: StepScope, arg: Any) -> StepResult:
        return StepResult({"tuple": (1, 2), "nan": float("nan")})

    lab.program(_one_step, effect=give)
    assert (await lab.run()).output == {"tuple": [1, 2], "nan": None}


async def test_events_of_a_step_are_committed_with_its_result(lab: Lab) -> None:
    async def give(scope: StepScope, arg: Any) -> StepResult:
        return StepResult("done", [NewEvent(ITEM_COMPLETED, {"kind": "plan", "steps": []}, "the-plan")])

    lab.program(_one_step, effect=give)
    run = await lab.submit()
    await lab.result(run)
    commits = [[entry.type for entry in batch.entries] for changes in lab.tape.taken for batch in batches(changes)]
    assert [ITEM_COMPLETED, "step"] in commits


async def test_parallel_steps_run_side_by_side_and_keep_their_results_apart(lab: Lab) -> None:
    gates = {"a": asyncio.Event(), "b": asyncio.Event()}

    async def pass_on(scope: StepScope, arg: Any) -> StepResult:
        other = "b" if arg == "a" else "a"
        gates[other].set()
        await gates[arg].wait()
        return StepResult(f"{arg} met {other}")

    async def loop(ctx: DurableContext) -> Any:
        return await asyncio.gather(ctx.step("a", "pass_on", "a"), ctx.step("b", "pass_on", "b"))

    lab.program(loop, pass_on=pass_on)
    assert (await lab.run()).output == ["a met b", "b met a"]


async def test_the_idempotency_key_is_the_same_for_every_attempt_and_no_other_step(lab: Lab) -> None:
    seen: list[str] = []
    gate = asyncio.Event()

    async def note(scope: StepScope, arg: Any) -> StepResult:
        seen.append(scope.idempotency_key)
        if arg == "second":
            await gate.wait()
        return StepResult()

    async def loop(ctx: DurableContext) -> Any:
        await ctx.step("first", "note", "first")
        await ctx.step("second", "note", "second")

    lab.program(loop, note=note)
    run = await lab.submit()
    await lab.settle()
    await lab.restart()
    gate.set()
    await lab.result(run)
    assert len(seen) == 3
    assert seen[1] == seen[2] != seen[0]


# Effects that must not be run twice


async def test_a_step_that_is_done_once_records_its_intent_before_it_begins(lab: Lab) -> None:
    recorded: list[str | None] = []

    async def look(scope: StepScope, arg: Any) -> StepResult:
        recorded.extend(record.key for record in await lab.records(scope.run.id))
        return StepResult("seen")

    lab.program(_once, effect=look)
    assert (await lab.run()).output == "seen"
    assert "only@" in recorded
    assert "only" not in recorded


async def test_a_once_step_cut_off_by_a_crash_is_outcome_unknown_and_never_run_again(lab: Lab) -> None:
    lab.is_replayable = False  # a prefix without the intent lets the effect, which hangs for ever, begin
    lab.program(_once, effect=hang)
    run = await lab.submit()
    await lab.settle()
    await lab.restart()
    assert (await lab.result(run)).output == "outcome_unknown"
    assert lab.ran == [(run, "only")]


async def test_a_once_step_that_was_recorded_is_known_after_a_crash(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        value = await ctx.step("only", "echo", "x", once=True)
        await ctx.receive("go", "go")
        return value

    lab.program(loop, echo=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.restart()
    await lab.send(run, "go", {}, "m1")
    assert (await lab.result(run)).output == "x"
    assert lab.ran == [(run, "only")]


# Replays that ask for something else


async def test_a_replay_that_asks_for_something_else_suspends_the_run_and_says_why(lab: Lab) -> None:
    lab.is_replayable = False
    asked = [1]

    async def loop(ctx: DurableContext) -> Any:
        await ctx.step("first", "echo", asked[0])
        await ctx.receive("go", "go")

    lab.program(loop, echo=echo)
    run = await lab.submit()
    await lab.settle()
    asked[0] = 2
    await lab.restart()
    assert await lab.status(run) == RunStatus.SUSPENDED
    reason = (await lab.records(run))[-1].data["reason"]
    assert "'first'" in reason
    assert lab.ran == [(run, "first")]
    asked[0] = 1
    assert await lab.engine.resume(run)
    await lab.send(run, "go", {}, "m1")
    assert (await lab.result(run)).status == RunStatus.COMPLETED


async def test_two_operations_under_one_key_suspend_the_run(lab: Lab) -> None:
    lab.is_replayable = False

    async def loop(ctx: DurableContext) -> Any:
        await asyncio.gather(ctx.step("same", "hang", 1), ctx.step("same", "hang", 1))

    lab.program(loop, hang=hang)
    assert await lab.status(await lab.submit()) == RunStatus.SUSPENDED


async def test_a_suspended_run_can_be_cancelled(lab: Lab) -> None:
    lab.is_replayable = False

    async def loop(ctx: DurableContext) -> Any:
        await asyncio.gather(ctx.step("same", "hang", 1), ctx.step("same", "hang", 1))

    lab.program(loop, hang=hang)
    run = await lab.submit()
    await lab.settle()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


# Milestones


async def test_a_milestone_is_committed_with_what_comes_next_and_not_doubled_by_a_replay(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        ctx.emit("half", NewEvent("milestone", {"text": "half way"}))
        await ctx.step("one", "echo", 1)
        await ctx.receive("go", "go")
        ctx.emit("all", NewEvent("milestone", {"text": "nearly there"}))
        return "there"

    lab.program(loop, echo=echo)
    run = await lab.submit()
    await lab.settle()
    await lab.restart()
    await lab.restart()
    await lab.send(run, "go", {}, "m1")
    await lab.result(run)
    told = [event.data["text"] for event in await lab.events(run) if event.type == "milestone"]
    assert told == ["half way", "nearly there"]


# How a loop ends


async def test_a_loop_that_raises_fails_its_run_without_showing_the_text_of_its_exception(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async def loop(ctx: DurableContext) -> Any:
        raise ValueError("the password is 1234")

    lab.program(loop)
    with caplog.at_level(logging.ERROR):
        result = await lab.run()
    assert result.status == RunStatus.FAILED
    assert result.error == {"kind": "internal", "message": "ValueError in the loop", "retryable": False}


async def test_a_loop_may_fail_with_an_error_of_its_own(lab: Lab) -> None:
    fault = {"kind": "auth", "message": "who are you", "retryable": False}

    async def loop(ctx: DurableContext) -> Any:
        return Outcome(RunStatus.FAILED, error=fault)

    lab.program(loop)
    result = await lab.run()
    assert (result.status, result.error) == (RunStatus.FAILED, fault)


async def test_a_run_id_that_exists_starts_nothing_new(lab: Lab) -> None:
    lab.program(_one_step, effect=echo)
    first = await lab.submit(run="mine", session="s")
    again = await lab.submit(run="mine", session="s")
    await lab.result(first)
    assert first == again == "mine"
    assert await lab.submit(run="mine", session="s") == "mine"
    assert lab.ran == [("mine", "one")]


async def test_two_who_submit_the_same_id_at_once_get_the_same_run(lab: Lab) -> None:
    lab.program(_one_step, effect=echo)
    ids = await asyncio.gather(*(lab.submit(run="mine", session="s") for _ in range(3)))
    assert set(ids) == {"mine"}
    await lab.result("mine")
    assert lab.ran == [("mine", "one")]
