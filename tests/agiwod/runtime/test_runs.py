"""Runs as the runtime offers them: idempotent, refusable, steerable, and never ended by who waits for them."""

import asyncio

import pytest
from agiwo.agent import Agent
from agiwo.errors import BudgetExhausted, Conflict, CursorExpired, NotFound
from agiwo.schema.run import RunStatus
from agiwo.testing import ScriptedModel
from agiwod.runtime.errors import Draining
from agiwod.runtime.runs import Ask
from daemon_lab import LiveModel, running, scripted

pytestmark = pytest.mark.anyio


def live(id: str = "live") -> tuple[Agent, LiveModel]:
    model = LiveModel()
    return Agent(id, "says what it is fed", model), model


async def test_a_run_is_recorded_before_the_answer_and_ends_with_its_response() -> None:
    async with running() as daemon:
        started = await daemon.runs.start(Ask("echo", "hi"))
        assert started.head.head >= 1
        state = await daemon.runs.wait(started.head.run)
        assert state.result is not None
        assert (state.head.status, state.result.response) == (RunStatus.COMPLETED, "hello world")
        assert state.head.created_at <= (state.started_at or 0) <= (state.ended_at or 0)


async def test_the_same_key_never_starts_a_second_run() -> None:
    async with running() as daemon:
        asks = [daemon.runs.start(Ask("echo", f"attempt {number}", key="k")) for number in range(20)]
        started = await asyncio.gather(*asks)
        assert len({each.head.run for each in started}) == 1
        assert sorted(each.is_duplicate for each in started) == [False] + 19 * [True]
        assert len(await daemon.runs.list()) == 1


async def test_the_same_key_means_another_run_for_another_agent() -> None:
    async with running(scripted("a"), scripted("b")) as daemon:
        started = [await daemon.runs.start(Ask(agent, "hi", key="k")) for agent in "ab"]
        assert [each.is_duplicate for each in started] == [False, False]


async def test_a_key_that_was_used_is_answered_while_the_daemon_drains() -> None:
    async with running() as daemon:
        first = await daemon.runs.start(Ask("echo", "hi", key="k"))
        daemon.drain(60)
        again = await daemon.runs.start(Ask("echo", "hi", key="k"))
        assert (again.head.run, again.is_duplicate) == (first.head.run, True)


async def test_a_draining_daemon_takes_no_new_runs_and_says_when_it_ends() -> None:
    async with running() as daemon:
        deadline = daemon.drain(60)
        with pytest.raises(Draining) as refused:
            await daemon.runs.start(Ask("echo", "hi"))
        assert (refused.value.until, refused.value.retryable) == (deadline, True)
        assert await daemon.runs.list() == []


async def test_an_unknown_agent_is_told_with_the_ones_that_come_close() -> None:
    async with running(scripted("researcher"), scripted("writer")) as daemon:
        with pytest.raises(NotFound, match="did you mean 'researcher'"):
            await daemon.runs.start(Ask("reseacher", "hi"))


async def test_an_unknown_model_is_not_found_and_nothing_is_recorded() -> None:
    async with running() as daemon:
        with pytest.raises(NotFound, match="no model 'nobody:knows'"):
            await daemon.runs.start(Ask("echo", "hi", model="nobody:knows"))
        assert await daemon.runs.list() == []


async def test_a_budget_of_calls_ends_the_run_when_they_are_used_up() -> None:
    call = {"name": "calculator", "arguments": {"expression": "1"}}
    model = ScriptedModel(turns=[{"toolCalls": [call]}, {"text": "a summary"}], repeat=True)
    async with running(Agent("busy", "", model)) as daemon:
        run = (await daemon.runs.start(Ask("busy", "hi", budget={"calls": 1}))).head.run
        state = await daemon.runs.wait(run)
        assert state.result is not None
        assert (state.head.status, state.result.termination) == (RunStatus.FAILED, "budget_exhausted")
        assert len(model.requests) == 1


async def test_a_run_whose_input_is_more_than_its_budget_is_refused_and_not_recorded() -> None:
    async with running() as daemon:
        with pytest.raises(BudgetExhausted, match="the first request has about"):
            await daemon.runs.start(Ask("echo", "word " * 100, budget={"tokens": 50}))
        assert await daemon.runs.list() == []


async def test_a_budget_of_seconds_ends_the_run_when_they_are_over() -> None:
    agent, model = live()
    async with running(agent) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi", budget={"seconds": 0.05}))).head.run
        await model.asked.wait()
        model.asked.clear()
        await model.asked.wait()
        model.say("as far as I got", None)
        result = (await daemon.runs.wait(run)).result
        assert result is not None
        assert (result.termination, result.response) == ("timeout", "as far as I got")


async def test_waiting_less_than_the_run_takes_ends_the_waiting_only() -> None:
    agent, model = live()
    async with running(agent) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        with pytest.raises(TimeoutError):
            await daemon.runs.wait(run, 0.01)
        model.say("all the same", None)
        result = (await daemon.runs.wait(run)).result
        assert result is not None
        assert result.response == "all the same"


async def test_cancelling_the_one_who_waits_leaves_the_run_alone() -> None:
    agent, model = live()
    async with running(agent) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        waiting = asyncio.create_task(daemon.runs.wait(run))
        await model.asked.wait()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert (await daemon.runs.get(run)).head.status == RunStatus.RUNNING


async def test_a_cancelled_run_ends_once_and_cancelling_it_again_is_not_accepted() -> None:
    agent, model = live()
    async with running(agent) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        await model.asked.wait()
        assert (await daemon.runs.cancel(run, "enough"))[0] is True
        state = await daemon.runs.wait(run)
        assert state.result is not None
        assert (state.head.status, state.result.reason) == (RunStatus.CANCELLED, "enough")
        accepted, head = await daemon.runs.cancel(run)
        assert (accepted, head.status) == (False, RunStatus.CANCELLED)


async def test_steering_an_ended_run_is_a_conflict_and_steering_an_unknown_one_is_not_found() -> None:
    async with running() as daemon:
        run = (await daemon.runs.start(Ask("echo", "hi"))).head.run
        await daemon.runs.wait(run)
        with pytest.raises(Conflict):
            await daemon.runs.steer(run, "too late")
        with pytest.raises(NotFound):
            await daemon.runs.steer("run_x", "nobody")


async def test_what_a_run_is_steered_with_reaches_its_next_model_call() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon:
        run = (await daemon.runs.start(Ask("live", "hi"))).head.run
        await model.asked.wait()
        ids = [await daemon.runs.steer(run, "and that?"), await daemon.runs.steer(run, [{"type": "text", "text": "!"}])]
        assert len(set(ids)) == 2
        model.say("one", None, "two", None)
        await daemon.runs.wait(run)
        events, _ = await daemon.runs.page(run, 0, 100)
        said = [event.data["content"] for event in events if event.data.get("kind") == "userMessage"]
        assert [part["text"] for content in said for part in content] == ["hi", "and that?", "!"]


async def test_runs_are_listed_newest_first_by_session_agent_and_status() -> None:
    agent, model = live()
    async with running(scripted("a"), agent) as daemon:
        first = (await daemon.runs.start(Ask("a", "hi", session="s"))).head.run
        await daemon.runs.wait(first)
        second = (await daemon.runs.start(Ask("live", "hi", session="s"))).head.run
        await model.asked.wait()
        assert [each.head.run for each in await daemon.runs.list()] == [second, first]
        assert [each.head.run for each in await daemon.runs.list(agent="a")] == [first]
        assert [each.head.run for each in await daemon.runs.list(session="s", before=second)] == [first]
        running_now = await daemon.runs.list(statuses=frozenset({RunStatus.RUNNING}))
        assert [each.head.run for each in running_now] == [second]


async def test_a_page_of_events_is_the_durable_ones_behind_a_seq() -> None:
    async with running() as daemon:
        run = (await daemon.runs.start(Ask("echo", "hi"))).head.run
        await daemon.runs.wait(run)
        events, head = await daemon.runs.page(run, 1, 2)
        assert ([event.seq for event in events], head.head) == ([2, 3], 5)
        with pytest.raises(CursorExpired):
            await daemon.runs.page(run, 6, 2)


async def test_abandoned_runs_end_and_ended_ones_are_left_as_they_are() -> None:
    agent, model = live()
    async with running(agent, scripted("echo")) as daemon:
        ended = (await daemon.runs.start(Ask("echo", "hi"))).head.run
        await daemon.runs.wait(ended)
        going = (await daemon.runs.start(Ask("live", "hi"))).head.run
        await model.asked.wait()
        await daemon.runs.abandon(["run_nobody_knows", ended, going], "left alone")
        assert (await daemon.runs.wait(going)).head.status == RunStatus.CANCELLED
        assert (await daemon.runs.get(ended)).head.status == RunStatus.COMPLETED
