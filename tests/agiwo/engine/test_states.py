"""Scheduled agents as the engine knows them: states that are recorded together with the runs that work for them."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from agiwo.durable import DurableContext
from agiwo.errors import Conflict, EffectFailed
from agiwo.schema.event import CHILD_SPAWNED
from agiwo.schema.record import State, StateChange
from agiwo.schema.run import RunSpec, RunStatus
from engine_lab import Lab, echo
from engine_tape import batches

pytestmark = pytest.mark.anyio


def root(run: str = "run1", **fields: Any) -> State:
    return State("root", "tiny", "s", run, 0.0, 0.0, **fields)


def spec(agent: str = "tiny", session: str = "s", state: str = "root") -> RunSpec:
    return RunSpec(agent, session, "go", state=state)


async def submit(lab: Lab, run: str, *changes: StateChange, session: str = "s") -> None:
    await lab.engine.start(spec(session=session), run=run, changes=changes)
    lab.follow(run)


async def answer(ctx: DurableContext) -> Any:
    return await ctx.step("answer", "echo", f"I am {ctx.run.spec.state}")


async def wait(ctx: DurableContext) -> Any:
    message = await ctx.receive("go", "go")
    return message and message.id


def spawning(state: str, agent: str = "child", session: str = "t") -> Any:
    """A loop that spawns one child that works for this state."""

    async def loop(ctx: DurableContext) -> Any:
        try:
            child = await ctx.spawn("kid", RunSpec(agent, f"{session} of {ctx.run.id}", "work", state=state))
        except EffectFailed as error:
            return [error.kind, str(error)]
        return [result and result.output for result in (await ctx.wait("for kid", [child])).values()]

    return loop


async def test_a_run_knows_the_state_that_it_works_for(lab: Lab) -> None:
    lab.program(answer, echo=echo)
    await submit(lab, "run1", StateChange(root()))
    assert (await lab.result("run1")).output == "I am root"
    assert await lab.tape.state("root") == replace(root(), version=1)


async def test_a_run_and_its_state_are_recorded_together_or_not_at_all(lab: Lab) -> None:
    lab.program(answer, echo=echo)
    await submit(lab, "run1", StateChange(root()))
    with pytest.raises(Conflict, match="version 1, not 0"):
        await lab.engine.start(spec(), run="run2", changes=[StateChange(root("run2"))])
    await lab.result("run1")
    assert [head.run for head in await lab.heads()] == ["run1"]
    assert await lab.tape.state("root") == replace(root(), version=1)
    assert len(lab.tape.taken[0]) == 3, "the session, the run and the state"


async def test_of_two_who_start_a_run_for_a_state_at_once_one_is_refused(lab: Lab) -> None:
    lab.program(answer, echo=echo)
    starts = [lab.engine.start(spec(), run=run, changes=[StateChange(root(run))]) for run in ("run1", "run2")]
    outcomes = await asyncio.gather(*starts, return_exceptions=True)
    assert [isinstance(outcome, Conflict) for outcome in outcomes] == [False, True]
    assert (await lab.result("run1")).output == "I am root"


async def test_a_run_that_is_started_twice_changes_its_state_once(lab: Lab) -> None:
    lab.program(answer, echo=echo)
    for _ in range(2):
        await lab.engine.start(spec(), run="run1", changes=[StateChange(root())])
    await lab.result("run1")
    assert await lab.tape.state("root") == replace(root(), version=1)


async def test_a_child_gets_a_state_below_that_of_its_parent_in_the_same_commit(lab: Lab) -> None:
    lab.program(spawning("kid"))
    lab.program(answer, agent="child", echo=echo)
    await submit(lab, "run1", StateChange(root()))
    assert (await lab.result("run1")).output == ["I am kid"]
    kid = (await lab.heads())[1]
    state = await lab.tape.state("kid")
    assert state
    assert state == State("kid", "child", "t of run1", kid.run, kid.created_at, kid.created_at, "root", 1, version=1)
    change = StateChange(replace(state, version=0))
    (together,) = [changes for changes in lab.tape.taken if change in changes]
    assert CHILD_SPAWNED in [entry.type for batch in batches(together) for entry in batch.entries]


async def test_a_child_cannot_take_the_id_of_its_parent_or_of_anybody_else(lab: Lab) -> None:
    lab.program(answer, agent="other", echo=echo)
    lab.program(spawning("root"), agent="tiny")
    await submit(lab, "run1", StateChange(root()))
    assert (await lab.result("run1")).output == ["conflict", "there is another agent with the id 'root'"]
    assert await lab.tape.state("root") == replace(root(), version=1)
    assert CHILD_SPAWNED not in await lab.types("run1")
    assert [head.run for head in await lab.heads()] == ["run1"]


async def test_a_run_without_a_state_cannot_replace_one(lab: Lab) -> None:
    lab.program(spawning("root"))
    await lab.tape.append(StateChange(root("gone")))
    run = await lab.submit()
    assert (await lab.result(run)).output == ["conflict", "there is another agent with the id 'root'"]


async def test_a_child_id_can_be_used_again_by_the_same_parent_once_its_run_has_ended(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        first = await ctx.spawn("first", RunSpec("child", "first", "work", state="kid"))
        with pytest.raises(EffectFailed, match="the agent 'kid' is still at work"):
            await ctx.spawn("too early", RunSpec("child", "second", "work", state="kid"))
        await ctx.wait("for first", [first])
        third = await ctx.spawn("third", RunSpec("child", "third", "work", state="kid"))
        await ctx.wait("for third", [third])
        return first != third

    lab.program(loop)
    lab.program(wait, agent="child")
    await submit(lab, "run1", StateChange(root()))
    await lab.settle()
    for number in range(2):
        kid = (await lab.heads())[-1]
        await lab.send(kid.run, "go", {}, f"m{number}")
        await lab.settle()
    assert (await lab.result("run1")).output is True
    kid = (await lab.heads())[-1]
    state = await lab.tape.state("kid")
    assert state
    assert (state.run, state.version, state.session) == (kid.run, 2, "third")


async def test_of_two_children_that_are_spawned_at_once_under_one_id_one_is_refused(lab: Lab) -> None:
    lab.is_replayable = False  # which of them is the first one is decided by no record

    async def loop(ctx: DurableContext) -> Any:
        spawns = [ctx.spawn(key, RunSpec("child", f"session {key}", "work", state="kid")) for key in "ab"]
        found = await asyncio.gather(*spawns, return_exceptions=True)
        ids = [id for id in found if isinstance(id, str)]
        await ctx.wait("for kid", ids)
        return [len(ids), *(str(error) for error in found if isinstance(error, EffectFailed))]

    lab.program(loop)
    lab.program(wait, agent="child")
    await submit(lab, "run1", StateChange(root()))
    await lab.settle()
    (kid,) = [head.run for head in await lab.heads() if head.run != "run1"]
    await lab.send(kid, "go", {}, "m1")
    assert (await lab.result("run1")).output == [1, "the agent 'kid' is still at work"]
    assert [head.status for head in await lab.heads()] == [RunStatus.COMPLETED] * 2


async def test_a_spawn_that_was_refused_is_refused_in_every_replay(lab: Lab) -> None:
    async def loop(ctx: DurableContext) -> Any:
        try:
            await ctx.spawn("kid", RunSpec("child", "t", "work", state="root"))
        except EffectFailed as error:
            message = await ctx.receive("go", "go")
            return [error.kind, message and message.id]

    lab.program(loop)
    await submit(lab, "run1", StateChange(root()))
    await lab.settle()
    await lab.restart()
    await lab.send("run1", "go", {}, "m1")
    assert (await lab.result("run1")).output == ["conflict", "m1"]
