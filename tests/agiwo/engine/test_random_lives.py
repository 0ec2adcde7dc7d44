"""Random lives: programs that do anything, while everything happens to them, and what is true all the same."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest
from agiwo.durable import INTERRUPTED, STEP, STEP_FAILED, DurableContext, StepResult, StepScope
from agiwo.engine.operation import STEP_INTENT
from agiwo.errors import Conflict, EffectFailed, Interrupted, NotFound, StorageError
from agiwo.schema.event import (
    ITEM_COMPLETED,
    RUN_CANCELLED,
    RUN_RETRYING,
    RUN_SLEEPING,
    RUN_WOKEN,
    TERMINAL_EVENTS,
    NewEvent,
)
from agiwo.schema.run import RunSpec, RunStatus
from engine_lab import Lab, echo, hang

pytestmark = [pytest.mark.anyio, pytest.mark.soak]  # many processes, or many lives

SEEDS = range(15)


async def speak(scope: StepScope, arg: Any) -> StepResult:
    """Say something, perhaps twice, with mail taken and the box closed at the end."""
    item = f"{scope.run.id}.{scope.key}"
    for attempt in range(1 + arg % 2):
        heard = await scope.drain("steer")
        if attempt:
            await scope.record(NewEvent(RUN_RETRYING, {"attempt": 2, "delay": 0, "reason": "again"}))
        scope.open(item, "agentMessage")
        for word in range(arg):
            scope.delta(item, "text", f"word{word} ")
            await asyncio.sleep(0)
        scope.notice("log", {"heard": len(heard)})
    if arg % 5 == 4:
        raise EffectFailed("lost", "lost for words")
    text = "".join(f"word{word} " for word in range(arg))
    return StepResult(arg, [NewEvent(ITEM_COMPLETED, {"kind": "agentMessage", "text": text}, item)])


async def live(ctx: DurableContext) -> Any:
    """Do this and that, decided by the run's name alone."""
    chance = random.Random(ctx.run.spec.input if isinstance(ctx.run.spec.input, str) else 0)
    done: list[Any] = []
    try:
        for day in range(chance.randint(1, 5)):
            acts = [_act(ctx, f"{day}.{number}", chance.random()) for number in range(chance.randint(1, 3))]
            done += await asyncio.gather(*acts, return_exceptions=True)
            for each in done:
                if isinstance(each, BaseException) and not isinstance(each, EffectFailed):
                    raise each
    except Interrupted as stop:
        if stop.cause == "timeout":
            await ctx.step("summary", "speak", 3)
            return "timed out"
        raise
    return len(done)


async def _act(ctx: DurableContext, key: str, what: float) -> Any:
    number = int(what * 1000) % 10
    if what < 0.35:
        return await ctx.step(f"{key}/step", "speak", number, once=number < 3)
    if what < 0.45:
        return await ctx.step(f"{key}/hang", "hang", None, once=number < 3)
    if what < 0.6:
        if number < 3:
            ctx.emit(f"{key}/sleeping", NewEvent(RUN_SLEEPING, {}))
        await ctx.wait(f"{key}/timer", [], timeout=number * 10)
        if number < 3:
            ctx.emit(f"{key}/woken", NewEvent(RUN_WOKEN, {}))
        return None
    if what < 0.75:
        message = await ctx.receive(f"{key}/mail", "order", timeout=number * 10)
        return message and message.id
    if ctx.run.spec.depth >= 2:
        return await ctx.step(f"{key}/echo", "echo", key)
    spec = RunSpec("tiny", f"{ctx.run.id} {key}", f"{ctx.run.spec.input} {key}")
    child = await ctx.spawn(f"{key}/spawn", spec)
    found = await ctx.wait(f"{key}/wait", [child], "any" if number < 5 else "all", timeout=number * 20 or None)
    return [result and result.output for result in found.values()]


async def _happen(lab: Lab, chance: random.Random, number: int) -> None:
    """One thing that happens to everybody."""
    what = chance.random()
    heads = await lab.heads()
    run = chance.choice(heads).run if heads else "run_ghost"
    if what < 0.3:
        await lab.submit(input=f"life {number}", session=f"s{number % 4}", timeout=chance.choice([None, 30, 100]))
    elif what < 0.5:
        await lab.send(run, chance.choice(["order", "steer"]), {"number": number}, f"m{number % 20}")
    elif what < 0.65:
        await lab.engine.cancel(run, f"cancel {number}", chance.choice(["run", "tree"]))
    elif what < 0.8:
        lab.clock.advance(chance.choice([0, 5, 20, 100]))
    elif what < 0.87:
        lab.tape.is_refusing = False
        await lab.restart()
    elif what < 0.9 and lab.engine.storage.trouble is None:
        lab.tape.is_refusing = True
    else:
        lab.tape.is_refusing = False


@pytest.mark.parametrize("engine_options", [{"max_concurrent": 3}, {"max_concurrent": 3, "warm": 0}])
@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_each_run_ends_once_and_does_nothing_twice(
    lab: Lab, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    lab.is_replayable = False  # what happened when is not what would happen then
    chance = random.Random(seed)
    lab.program(live, speak=speak, hang=hang, echo=echo)
    for number in range(40):
        with suppress(Conflict, NotFound, StorageError):
            await _happen(lab, chance, number)
        for _ in range(chance.choice([0, 1, 3, 10, 100])):
            await asyncio.sleep(0)
    lab.tape.is_refusing = False
    await lab.restart()
    await _end_all(lab)
    for head in await lab.heads():
        await _check(lab, head.run)


async def _end_all(lab: Lab) -> None:
    for head in await lab.heads():
        if not head.status.is_terminal:
            await lab.engine.cancel(head.run, "the end")
            assert (await lab.result(head.run)).status in (RunStatus.CANCELLED, RunStatus.COMPLETED)


async def _check(lab: Lab, run: str) -> None:
    records = await lab.records(run)
    assert [record.position for record in records] == list(range(1, len(records) + 1))
    public = [record for record in records if record.seq]
    assert [record.type in TERMINAL_EVENTS for record in public] == [False] * (len(public) - 1) + [True]
    assert records[-1] is public[-1], "something internal follows the terminal event"
    done = {record.key for record in records if record.type in (STEP, STEP_FAILED, INTERRUPTED)}
    begun = [key for of, key in lab.ran if of == run]
    for intent in (record.key for record in records if record.type == STEP_INTENT):
        assert intent
        assert intent.removesuffix("@") in done or records[-1].type == RUN_CANCELLED
        assert begun.count(intent.removesuffix("@")) <= 1
