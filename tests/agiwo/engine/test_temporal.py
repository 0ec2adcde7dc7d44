"""What the engine on Temporal promises beyond the suite of every engine: lines, large payloads, lost workers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from agiwo import ids
from agiwo.agent import Agent
from agiwo.durable import DurableContext, Effect, Program, StepResult, StepScope
from agiwo.errors import Conflict, EffectFailed
from agiwo.journal import open_journal
from agiwo.journal.base import Journal
from agiwo.schema.event import ITEM_DELTA, RUN_RESUMED, RUN_STARTED
from agiwo.schema.run import RunSpec, RunStatus
from agiwo.testing import ScriptedModel
from agiwo.tool import tool
from engine_lab import Registry, Tiny, echo

if TYPE_CHECKING:
    from agiwo.engine.temporal.engine import TemporalEngine

pytestmark = [pytest.mark.anyio, pytest.mark.temporal]

TIMEOUT = 60.0


@dataclass
class Cluster:
    """A journal and a task queue, and the engines that are joined: one at a time, since they are of one process."""

    journal: Journal
    address: str
    queue: str = field(default_factory=lambda: ids.fresh("queue"))
    programs: dict[str, Program] = field(default_factory=dict[str, Program])

    @asynccontextmanager
    async def engine(self) -> "AsyncGenerator[TemporalEngine]":
        from agiwo.engine.temporal.engine import TemporalEngine
        from agiwo.engine.temporal.place import TemporalPlace

        place = TemporalPlace(self.address, queue=self.queue)
        engine = TemporalEngine(place, self.journal, Registry(self.programs, []))
        await engine.recover()
        try:
            yield engine
        finally:
            await engine.close()

    def program(self, loop: Callable[[DurableContext], Awaitable[Any]], **effects: Effect) -> None:
        self.programs["tiny"] = Tiny(loop, {"echo": echo, **effects})


@pytest.fixture
async def cluster(temporal_address: str) -> AsyncGenerator[Cluster]:
    journal = await open_journal("memory")
    yield Cluster(journal, temporal_address)
    await journal.close()


def spec(input: str = "go", session: str | None = None, agent: str = "tiny") -> RunSpec:
    return RunSpec(agent, session or ids.fresh("ses"), input)


async def status(journal: Journal, run: str, wanted: RunStatus) -> None:
    """Return when the run is recorded as that."""
    moved = asyncio.Event()
    stop = journal.watch(run, lambda _: moved.set(), internal=True)
    try:
        async with asyncio.timeout(TIMEOUT):
            while (head := await journal.run(run)) is None or head.status != wanted:
                moved.clear()
                await moved.wait()
    finally:
        stop()


# Lines


async def test_runs_of_a_session_go_one_after_the_other_in_their_order(cluster: Cluster) -> None:
    went: list[str] = []

    async def work(scope: StepScope, arg: Any) -> StepResult:
        went.append(f"{arg} begins")
        await asyncio.sleep(0)
        went.append(f"{arg} ends")
        return StepResult(len(list(scope.run.past)))

    async def loop(ctx: DurableContext) -> Any:
        return await ctx.step("work", "work", ctx.run.spec.input)

    cluster.program(loop, work=work)
    async with cluster.engine() as engine:
        runs = [await engine.submit(spec(name, "line")) for name in "abc"]
        results = [await engine.result(run, TIMEOUT) for run in runs]
    assert went == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]
    assert [result.output for result in results] == [0, 1, 2]


async def test_a_run_that_waits_in_line_takes_mail_and_can_be_cancelled(cluster: Cluster) -> None:
    may_end = asyncio.Event()

    async def wait(scope: StepScope, arg: Any) -> StepResult:
        await may_end.wait()
        return StepResult(arg)

    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.input == "first":
            return await ctx.step("wait", "wait", None)
        message = await ctx.receive("mail", "note")
        return message and message.data

    cluster.program(loop, wait=wait)
    async with cluster.engine() as engine:
        first, second, third = [await engine.submit(spec(name, "line")) for name in ("first", "second", "third")]
        await engine.send(third, "m1", "note", {"text": "while it waits"})
        assert await engine.cancel(second, "not needed")
        ended = await engine.result(second, TIMEOUT)
        assert (ended.status, ended.reason) == (RunStatus.CANCELLED, "not needed")
        assert RUN_STARTED not in [record.type for record in await cluster.journal.read(second)]
        may_end.set()
        assert (await engine.result(first, TIMEOUT)).status == RunStatus.COMPLETED
        assert (await engine.result(third, TIMEOUT)).output == {"text": "while it waits"}
        with pytest.raises(Conflict, match="has ended"):
            await engine.send(third, "m2", "note", {})


async def test_a_run_that_is_asked_for_twice_is_one(cluster: Cluster) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return await ctx.step("one", "echo", 1)

    cluster.program(loop)
    async with cluster.engine() as engine:
        asked = spec()
        run = ids.fresh("run")
        both = await asyncio.gather(engine.submit(asked, run=run), engine.submit(asked, run=run))
        assert both == [run, run]
        assert (await engine.result(run, TIMEOUT)).output == 1
        assert await engine.submit(asked, run=run) == run
        assert len(await cluster.journal.runs()) == 1


# Payloads


async def test_what_is_too_large_for_temporal_goes_by_reference_and_stays_with_its_run(cluster: Cluster) -> None:
    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.past.records:
            return sum(len(str(record.data)) for record in ctx.run.past.records) > 3_000_000
        text = await ctx.step("large", "echo", "x" * 3_000_000)
        return len(await ctx.step("again", "echo", text))

    cluster.program(loop)
    async with cluster.engine() as engine:
        first = await engine.submit(spec(session="talk"))
        assert (await engine.result(first, TIMEOUT)).output == 3_000_000
        second = await engine.submit(spec(session="talk"))
        assert (await engine.result(second, TIMEOUT)).output is True
    named = [record.data["blob"] for record in await cluster.journal.load(first) if record.type == "payload"]
    assert named
    sizes = [(await cluster.journal.get_blob(blob, 0, 1))[1] for blob in named]
    assert min(sizes) > 128 * 1024


# Workers that are lost


async def test_another_worker_goes_on_where_one_stopped_and_repeats_no_finished_step(cluster: Cluster) -> None:
    ran: list[str] = []

    async def note(scope: StepScope, arg: Any) -> StepResult:
        ran.append(scope.key)
        return StepResult(arg)

    async def loop(ctx: DurableContext) -> Any:
        first = await ctx.step("before", "note", 1)
        message = await ctx.receive("mail", "go")
        return [first, message and message.id, await ctx.step("after", "note", 2)]

    cluster.program(loop, note=note)
    async with cluster.engine() as engine:
        run = await engine.submit(spec())
        await status(cluster.journal, run, RunStatus.WAITING)
    async with cluster.engine() as engine:
        await engine.send(run, "m1", "go", {})
        assert (await engine.result(run, TIMEOUT)).output == [1, "m1", 2]
    assert ran == ["before", "after"]


@pytest.mark.parametrize("once", [True, False])
async def test_a_step_whose_worker_is_lost_is_done_again_unless_it_must_not(cluster: Cluster, once: bool) -> None:
    is_working, ran = asyncio.Event(), list[str]()

    async def work(scope: StepScope, arg: Any) -> StepResult:
        ran.append(scope.idempotency_key)
        if len(ran) == 1:
            is_working.set()
            await asyncio.Event().wait()
        return StepResult("done")

    async def loop(ctx: DurableContext) -> Any:
        try:
            return await ctx.step("work", "work", None, once=once)
        except EffectFailed as error:
            return error.kind

    cluster.program(loop, work=work)
    async with cluster.engine() as engine:
        run = await engine.submit(spec())
        async with asyncio.timeout(TIMEOUT):
            await is_working.wait()
    async with cluster.engine() as engine:
        result = await engine.result(run, TIMEOUT)
    assert (result.output, len(ran)) == (("outcome_unknown", 1) if once else ("done", 2))
    assert len(set(ran)) == 1
    told = [record.type for record in await cluster.journal.read(run)]
    assert (RUN_RESUMED in told) is not once


async def test_a_long_run_leaves_its_history_behind_and_goes_on_where_it_was(cluster: Cluster) -> None:
    ran: list[str] = []

    async def note(scope: StepScope, arg: Any) -> StepResult:
        ran.append(scope.key)
        return StepResult(arg)

    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth:
            return await ctx.receive("mail", "go")
        child = await ctx.spawn("spawn", RunSpec("tiny", f"{ctx.run.id} below", "below"))
        total = sum([await ctx.step(str(number), "note", number) for number in range(60)])
        message = await ctx.receive("mail", "go")
        waited = await ctx.wait("child", [child], timeout=0.05)
        return [total, message and message.id, waited[child]]

    cluster.program(loop, note=note)
    async with cluster.engine() as engine:
        run = await engine.submit(spec())
        await engine.send(run, "m1", "go", {})
        assert (await engine.result(run, 2 * TIMEOUT)).output == [sum(range(60)), "m1", None]
        assert ran == [str(number) for number in range(60)]
        described = await engine.workflow(run).describe()
        assert described.raw_description.workflow_execution_info.first_run_id != described.run_id
        (child,) = await cluster.journal.runs(parent=run)
        assert RUN_RESUMED not in [record.type for record in await cluster.journal.read(run)]
        assert await engine.cancel(child.run)


async def test_what_is_below_a_run_that_began_anew_is_cancelled_with_it(cluster: Cluster) -> None:
    async def loop(ctx: DurableContext) -> Any:
        if ctx.run.spec.depth:
            return await ctx.receive("mail", "go")
        await ctx.spawn("spawn", RunSpec("tiny", f"{ctx.run.id} below", "below"))
        for number in range(60):
            await ctx.step(str(number), "echo", number)
        return await ctx.receive("mail", "go")

    cluster.program(loop)
    async with cluster.engine() as engine:
        run = await engine.submit(spec())
        await status(cluster.journal, run, RunStatus.WAITING)
        (child,) = await cluster.journal.runs(parent=run)
        assert await engine.cancel(run, "enough")
        ends = [await engine.result(each, TIMEOUT) for each in (run, child.run)]
        assert [(end.status, end.reason) for end in ends] == [(RunStatus.CANCELLED, "enough")] * 2


async def test_a_loop_that_does_not_do_what_is_recorded_is_suspended_and_can_be_cancelled(cluster: Cluster) -> None:
    times: list[None] = []

    async def loop(ctx: DurableContext) -> Any:
        times.append(None)
        await ctx.step("first", "echo", len(times))
        for number in range(60):
            await ctx.step(str(number), "echo", number)

    cluster.program(loop)
    async with cluster.engine() as engine:
        run = await engine.submit(spec())
        await status(cluster.journal, run, RunStatus.SUSPENDED)
        assert await engine.cancel(run, "no use")
        assert (await engine.result(run, TIMEOUT)).reason == "no use"


async def test_a_run_whose_agent_is_not_there_is_suspended_until_it_is(cluster: Cluster) -> None:
    async def loop(ctx: DurableContext) -> Any:
        return await ctx.step("one", "echo", "here")

    async with cluster.engine() as engine:
        run = await engine.submit(spec())
        await status(cluster.journal, run, RunStatus.SUSPENDED)
        records = await cluster.journal.load(run)
        assert "agent 'tiny' is not registered" in next(
            each.data["reason"] for each in records if each.key == "suspended/1"
        )
        cluster.program(loop)
        assert await engine.resume(run)
        assert (await engine.result(run, TIMEOUT)).output == "here"
        assert not await engine.resume(run)


# The agent loop


async def test_what_a_model_says_is_streamed_as_it_says_it(cluster: Cluster) -> None:
    model = ScriptedModel(turns=[{"text": "one two three", "deltas": 3}])
    agent = Agent("talker", "Talks.", model)
    cluster.programs["talker"] = agent.program
    async with cluster.engine() as engine:
        cursor = await engine.start(agent.spec("Hello.", session_id="talk"))
        async with asyncio.timeout(TIMEOUT):
            events = [event async for event in cursor]
        assert "".join(event.data["text"] for event in events if event.type == ITEM_DELTA) == "one two three"
        assert (await engine.result(cursor.run, TIMEOUT)).response == "one two three"
    await agent.close()


async def test_an_agent_that_calls_another_waits_for_a_workflow_of_its_own(cluster: Cluster) -> None:
    @tool(effect="idempotent")
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    helper_model = ScriptedModel(
        turns=[{"toolCalls": [{"name": "add", "arguments": {"a": 40, "b": 2}}]}, {"text": "42"}]
    )
    helper = Agent("helper", "Adds.", helper_model, [add])
    model = ScriptedModel(
        turns=[{"toolCalls": [{"name": "helper", "arguments": {"task": "40 + 2"}}]}, {"text": "It is 42."}]
    )
    chief = Agent("chief", "Asks.", model, [helper.as_tool()])
    cluster.programs |= {"chief": chief.program, "helper": helper.program}
    async with cluster.engine() as engine:
        run = await engine.submit(chief.spec("What is 40 + 2?", session_id="talk"))
        assert (await engine.result(run, TIMEOUT)).response == "It is 42."
        (child,) = await cluster.journal.runs(parent=run)
        assert (await engine.result(child.run, TIMEOUT)).response == "42"
    await chief.close()
    await helper.close()
