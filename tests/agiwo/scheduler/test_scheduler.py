"""The scheduler as users have it: over each store, with real time."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from agent_lab import calls
from agiwo import AbortSignal, Agent, AgentHooks, RunOutput, Scheduler, SchedulerConfig
from agiwo.errors import ConfigError, Conflict, NotFound
from agiwo.llm.base import Message
from agiwo.scheduler import AgentStateStatus, AgentStateStorageConfig
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.event import RUN_SLEEPING
from agiwo.schema.run import TerminationReason
from agiwo.schema.stream import EventType
from agiwo.schema.tool import ExecutionContext
from agiwo.testing import FrozenClock, RecordingTool
from scheduler_lab import DONE, HANGING, Parts, agent_with, model_of, nap, spawn

pytestmark = pytest.mark.anyio

FAMILY = {"go": [calls(spawn("a"), spawn("b"), nap()), DONE]}


@dataclass
class Crowd(Parts):
    """A model that knows how many it answers at the same time; nobody leaves before as many as expected have come."""

    expected: int = 1
    present: int = 0
    most: int = 0
    answers: int = 0
    full: asyncio.Event = field(default_factory=asyncio.Event)

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """Answer once enough others have come."""
        self.present, self.answers = self.present + 1, self.answers + 1
        self.most = max(self.most, self.present)
        try:
            if self.most == self.expected:
                self.full.set()
            if self.answers > 1:  # whoever starts the others is alone
                await self.full.wait()
            async for chunk in super().arun_stream(messages, tools):
                yield chunk
        finally:
            self.present -= 1


async def test_a_run_of_a_whole_family_is_one_call(storage: AgentStateStorageConfig) -> None:
    async with Scheduler(SchedulerConfig(storage)) as scheduler:
        output = await scheduler.run(agent_with(FAMILY), "go", timeout=60)
        assert (output.response, output.termination_reason) == ("Done.", TerminationReason.COMPLETED)
        assert output.metrics.steps_count == 2
        tree = await scheduler.tree("root")
    assert {child.state.id: child.state.result_summary for child in tree.children} == {"a": "did a", "b": "did b"}


async def test_nothing_waits_for_an_interval() -> None:
    agent, begin = agent_with(FAMILY), time.monotonic()
    async with Scheduler(SchedulerConfig(check_interval=3600)) as scheduler:
        assert (await scheduler.run(agent, "go")).response == "Done."
        assert (await scheduler.run(agent, "anything")).response == "did anything"
    assert time.monotonic() - begin < 60


@pytest.mark.parametrize("concurrent", [1, 2, 50])
async def test_each_agent_is_run_once_and_no_more_work_at_a_time_than_may(
    storage: AgentStateStorageConfig, concurrent: int
) -> None:
    eight = [spawn(f"child {number}", child_id=f"c{number}") for number in range(8)]
    model = Crowd(parts={"go": [calls(*eight, nap()), DONE]}, expected=min(concurrent, 8))
    agent = Agent("root", "Does as told.", model, [])
    async with Scheduler(SchedulerConfig(storage, max_concurrent=concurrent)) as scheduler:
        assert (await scheduler.run(agent, "go", timeout=60)).response == "Done."
        assert len(await scheduler.list()) == 9
    assert model.answers == 8 + 2
    assert model.most == min(concurrent, 8)


async def test_sleepers_hold_no_slot() -> None:
    parts = {"go": [calls(spawn("a")), calls(nap()), DONE], "a": [calls(spawn("b")), calls(nap()), DONE]}
    async with Scheduler(SchedulerConfig(max_concurrent=1)) as scheduler:
        assert (await scheduler.run(agent_with(parts), "go", timeout=60)).response == "Done."


async def test_the_agent_that_is_submitted_stays_as_it_is_and_can_be_used_elsewhere() -> None:
    agent = agent_with(FAMILY, tools=[RecordingTool("look")])
    before = (list(agent.tools), replace(agent.options), agent.system_prompt, agent.hooks)
    async with Scheduler() as first:
        await first.run(agent, "go")
    async with Scheduler() as second:
        assert (await second.run(agent, "go")).response == "Done."
        assert {state.id for state in await second.list()} == {"root", "a", "b"}
    assert (list(agent.tools), agent.options, agent.system_prompt, agent.hooks) == before
    assert (await agent.run("anything")).response == "did anything"
    offered = [tool["function"]["name"] for tool in model_of(agent).requests[-1].tools]
    assert offered == ["look"]
    await agent.close()


async def test_hooks_of_an_agent_see_all_of_its_family_and_are_done_when_it_is() -> None:
    seen: list[str] = []

    async def on_after_run(output: RunOutput, context: ExecutionContext) -> None:
        seen.append(f"{context.state_id}: {output.response}")

    async with Scheduler() as scheduler:
        await scheduler.run(agent_with(FAMILY, hooks=AgentHooks(on_after_run=on_after_run)), "go")
    assert (sorted(seen), seen[-1]) == (["a: did a", "b: did b", "root: Done."], "root: Done.")


async def test_a_wait_that_takes_too_long_says_so_and_the_agent_goes_on(storage: AgentStateStorageConfig) -> None:
    gate = asyncio.Event()
    agent = agent_with({"go": [calls("look"), {"text": "slow"}]}, tools=[RecordingTool("look", gate=gate)])
    async with Scheduler(SchedulerConfig(storage)) as scheduler:
        state = await scheduler.submit(agent, "go")
        early = await scheduler.wait_for(state, timeout=0.01)
        assert (early.response, early.termination_reason) == (None, TerminationReason.TIMEOUT)
        gate.set()
        assert (await scheduler.wait_for(state, timeout=60)).response == "slow"


async def test_a_failed_agent_has_an_error_and_not_an_empty_answer(storage: AgentStateStorageConfig) -> None:
    agent = agent_with({"go": [{"error": {"kind": "auth", "message": "no such key"}}]})
    async with Scheduler(SchedulerConfig(storage)) as scheduler:
        output = await scheduler.run(agent, "go")
        state = await scheduler.get_state("root")
    assert output.error
    assert "no such key" in output.error["message"]
    assert state
    assert (state.status, state.result_summary) == (AgentStateStatus.FAILED, output.error["message"])


async def test_whoever_stops_waiting_for_a_run_cancels_it() -> None:
    async with Scheduler() as scheduler:
        run = asyncio.create_task(scheduler.run(agent_with({"go": [HANGING]}), "go"))
        async for _ in _until_there(scheduler):
            pass
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        output = await scheduler.wait_for("root", timeout=60)
    assert output.termination_reason == TerminationReason.CANCELLED


async def test_a_signal_cancels_the_agent_and_all_below_it() -> None:
    signal = AbortSignal()
    parts = {"go": [calls(spawn("a")), calls(nap()), DONE], "a": [HANGING]}
    async with Scheduler() as scheduler:
        await scheduler.submit(agent_with(parts), "go", abort_signal=signal)
        async for _ in _until_there(scheduler, "a"):
            pass
        signal.abort("stop it")
        assert (await scheduler.wait_for("root", timeout=60)).termination_reason == TerminationReason.CANCELLED
        assert (await scheduler.wait_for("a", timeout=60)).termination_reason == TerminationReason.CANCELLED


async def test_a_signal_that_was_raised_before_the_agent_began_ends_it_too() -> None:
    signal = AbortSignal()
    signal.abort("never mind")
    async with Scheduler() as scheduler:
        output = await scheduler.run(agent_with({"go": [HANGING]}), "go", abort_signal=signal, timeout=60)
        assert output.termination_reason == TerminationReason.CANCELLED


async def _until_there(scheduler: Scheduler, id: str = "root") -> AsyncGenerator[None]:
    """Yields until there is an agent of that id, and it works."""
    while (state := await scheduler.get_state(id)) is None or state.status != AgentStateStatus.RUNNING:
        await asyncio.sleep(0)
        yield


async def test_stopping_waits_for_those_at_work_and_not_for_those_asleep() -> None:
    begin = time.monotonic()
    agents = [
        agent_with({"go": [{"text": "slow", "delayMs": 100}]}),
        agent_with({"go": [calls(nap("timer", delay_seconds=3600))]}, "asleep"),
    ]
    scheduler = Scheduler()
    for agent in agents:
        await scheduler.submit(agent, "go")
    wait = asyncio.create_task(scheduler.wait_for("root"))
    await asyncio.sleep(0)
    await scheduler.stop()
    assert (await wait).response == "slow"
    assert time.monotonic() - begin < 60


async def test_who_was_stopped_takes_nothing_more_until_it_is_started_again(storage: AgentStateStorageConfig) -> None:
    agent = agent_with({})
    scheduler = Scheduler(SchedulerConfig(storage))
    async with scheduler:
        await scheduler.run(agent, "anything")
    asked = (
        scheduler.submit(agent, "more"),
        scheduler.run(agent, "more"),
        scheduler.submit_task("root", "more"),
        scheduler.wait_for("root"),
        scheduler.cancel("root"),
        scheduler.list(),
        scheduler.store.list_states(),
    )
    for each in asked:
        with pytest.raises(Conflict, match="the scheduler was stopped"):
            await each
    await scheduler.stop()
    async with scheduler:
        assert (await scheduler.run(agent, "anything")).response == "did anything"


async def test_what_is_in_a_file_goes_on_in_the_next_scheduler(tmp_path: Path) -> None:
    config = SchedulerConfig(AgentStateStorageConfig("sqlite", {"db_path": tmp_path / "new" / "folder" / "s.db"}))
    parts = {"go": [calls(spawn("a"), spawn("b"), nap()), DONE], "a": [calls(nap("timer", delay_seconds=5)), DONE]}
    clock = FrozenClock()
    async with Scheduler(config, clock=clock) as scheduler:
        state = await scheduler.submit(agent_with(parts), "go")
        async for _ in _until_asleep(scheduler, "root", "a"):
            pass
        waiting = asyncio.create_task(scheduler.wait_for(state))
        async for _ in _until_waited_for(scheduler, state):
            pass
    with pytest.raises(Conflict):
        await waiting
    agent = agent_with(parts)
    clock.advance(5)
    async with Scheduler(config, agents=[agent], clock=clock) as scheduler:
        assert (await scheduler.wait_for(state, timeout=60)).response == "Done."
        assert model_of(agent).told("go")[2] == "Woken: 2 of 2 agents have ended.\n[a] Done.\n[b] did b"
    async with Scheduler(config) as scheduler:  # which knows no agent, and has nothing to do
        assert (await scheduler.wait_for(state)).response == "Done."


async def _until_waited_for(scheduler: Scheduler, id: str) -> AsyncGenerator[None]:
    """Yields for as long as somebody who began to wait before needs to be heard of."""
    for _ in range(5):
        assert await scheduler.get_state(id)
        yield


async def _until_asleep(scheduler: Scheduler, *ids: str) -> AsyncGenerator[None]:
    """Yields until all of them sleep."""
    for id in ids:
        while (state := await scheduler.get_state(id)) is None or state.wake_condition is None:
            await asyncio.sleep(0)
            yield


async def test_an_agent_that_is_not_known_yet_goes_on_when_it_is_submitted_elsewhere(tmp_path: Path) -> None:
    config = SchedulerConfig(AgentStateStorageConfig("sqlite", {"db_path": tmp_path / "s.db"}))
    parts, clock = {"go": [calls(nap("timer", delay_seconds=5)), DONE]}, FrozenClock()
    async with Scheduler(config, clock=clock) as scheduler:
        await scheduler.submit(agent_with(parts), "go")
        async for _ in _until_asleep(scheduler, "root"):
            pass
    clock.advance(5)
    async with Scheduler(config, clock=clock) as scheduler:
        await scheduler.submit(agent_with(parts), "anything", state_id="second")
        assert (await scheduler.wait_for("second", timeout=60)).response == "did anything"
        assert (await scheduler.wait_for("root", timeout=60)).response == "Done."


async def test_a_home_folder_is_found_and_made_and_many_may_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    config = SchedulerConfig(AgentStateStorageConfig("sqlite", {"db_path": "~/deep/down/s.db"}))
    scheduler = Scheduler(config)
    agents = [agent_with({}, f"agent{number}") for number in range(5)]
    await asyncio.gather(*(scheduler.submit(agent, "task") for agent in agents))
    outputs = [await scheduler.wait_for(agent.id, timeout=60) for agent in agents]
    assert [output.response for output in outputs] == ["did task"] * 5
    await scheduler.stop()
    assert (tmp_path / "deep" / "down" / "s.db").is_file()


async def test_two_schedulers_and_an_agent_share_a_file_and_leave_each_other_alone(tmp_path: Path) -> None:
    storage = AgentStateStorageConfig("sqlite", {"db_path": tmp_path / "s.db"})
    first, second = Scheduler(SchedulerConfig(storage)), Scheduler(SchedulerConfig(storage))
    alone = agent_with({})
    alone.options.run_step_storage = storage
    assert (await first.run(agent_with(FAMILY), "go", timeout=60)).response == "Done."
    assert (await alone.run("go")).response == "did go"
    sleeper = agent_with({"go": [calls(nap("timer", delay_seconds=0.3)), DONE]}, "sleeper")
    await second.submit(sleeper, "go")
    await alone.close()
    await first.stop()
    assert (await second.wait_for("sleeper", timeout=60)).response == "Done."
    assert {state.id for state in await second.list(roots=True)} == {"root", "sleeper"}
    await second.stop()


async def test_with_a_clock_of_its_own_a_test_wakes_agents_at_their_time_and_not_a_hair_before(
    storage: AgentStateStorageConfig,
) -> None:
    clock = FrozenClock()
    night = calls(nap("timer", delay_seconds=8, time_unit="hours"))
    async with Scheduler(SchedulerConfig(storage), clock=clock) as scheduler:
        await scheduler.submit(agent_with({"go": [night, DONE]}), "go")
        async for event in scheduler.events("root"):
            if event.name == RUN_SLEEPING:
                break
        clock.advance(8 * 3600 - 0.001)
        assert (await scheduler.tree("root")).state.status == AgentStateStatus.SLEEPING
        clock.advance(0.001)
        assert (await scheduler.wait_for("root", timeout=60)).response == "Done."


async def test_one_store_has_one_clock_in_a_process(tmp_path: Path) -> None:
    config = SchedulerConfig(AgentStateStorageConfig("sqlite", {"db_path": tmp_path / "s.db"}))
    async with Scheduler(config):
        with pytest.raises(ConfigError, match="another clock"):
            await Scheduler(config, clock=FrozenClock()).start()


async def test_who_stops_waits_for_no_agents_but_its_own(tmp_path: Path) -> None:
    storage = AgentStateStorageConfig("sqlite", {"db_path": tmp_path / "s.db"})
    async with Scheduler(SchedulerConfig(storage)) as other:
        await other.submit(agent_with({"go": [HANGING]}, "busy"), "go")
        async with Scheduler(SchedulerConfig(storage)) as scheduler:
            assert (await scheduler.run(agent_with({}), "anything")).response == "did anything"
            await asyncio.wait_for(scheduler.stop(), 60)
        await other.cancel("busy")


async def test_what_another_process_is_at_is_seen_and_neither_waited_for_nor_ended(tmp_path: Path) -> None:
    storage = AgentStateStorageConfig("sqlite", {"db_path": tmp_path / "s.db"})
    agent = agent_with({"go": [HANGING]})

    async def elsewhere() -> list[str]:
        scheduler = Scheduler(SchedulerConfig(storage), agents=[agent_with({})])
        refused: list[str] = []
        async with scheduler:
            assert (await scheduler.tree("root")).state.status == AgentStateStatus.RUNNING
            for each in (scheduler.wait_for("root"), scheduler.cancel("root"), scheduler.shutdown("root")):
                with pytest.raises(Conflict) as caught:
                    await each
                refused.append(str(caught.value))
            with pytest.raises(Conflict, match="another process"):
                await anext(scheduler.events("root"))
            with pytest.raises(Conflict, match="running already"):
                await scheduler.submit(agent_with({}), "go")
        return refused

    async with Scheduler(SchedulerConfig(storage)) as scheduler:
        await scheduler.submit(agent, "go")
        # Another event loop counts as another process.
        refused = await asyncio.wait_for(asyncio.to_thread(asyncio.run, elsewhere()), 60)
        assert await scheduler.cancel("root")
    assert ["process" in each for each in refused] == [True] * 3


async def test_agents_are_listed_newest_first_by_page_status_and_agent(storage: AgentStateStorageConfig) -> None:
    async with Scheduler(SchedulerConfig(storage)) as scheduler:
        await scheduler.run(agent_with(FAMILY), "go")
        await scheduler.submit(agent_with({"go": [HANGING]}, "other"), "go")
        assert [state.id for state in await scheduler.list(roots=True)] == ["other", "root"]
        first = await scheduler.list(limit=1)
        assert len(await scheduler.list(before=first[0].id)) == 3
        assert {state.id for state in await scheduler.list(agent_id="root")} == {"root", "a", "b"}
        done = await scheduler.list(statuses=[AgentStateStatus.COMPLETED], limit=2)
        assert [state.status for state in done] == [AgentStateStatus.COMPLETED] * 2
        assert [state.id for state in await scheduler.store.list_children("root")] == ["a", "b"]
        assert await scheduler.store.get_state("nobody") is None
        assert {state.id for state in await scheduler.store.list_states(limit=2)} <= {"other", "root", "a", "b"}
        with pytest.raises(NotFound):
            await scheduler.list(before="nobody")
        await scheduler.cancel("other")


async def test_a_tree_tells_what_each_agent_waits_for_how_long_and_what_it_used() -> None:
    used = {"usage": {"inputTokens": 7, "outputTokens": 3}}
    parts = {"go": [calls(spawn("a"), nap()) | used, DONE], "a": [HANGING]}
    async with Scheduler() as scheduler:
        await scheduler.submit(agent_with(parts), "go")
        async for _ in _until_asleep(scheduler, "root"):
            pass
        async for _ in _until_there(scheduler, "a"):
            pass
        tree = await scheduler.tree("root")
        assert (tree.state.status, tree.tokens) == (AgentStateStatus.SLEEPING, 10)
        assert tree.state.wake_condition
        assert tree.state.wake_condition.wait_for == ("a",)
        (child,) = tree.children
        assert (child.state.status, child.tokens, child.state.parent_agent_id) == (AgentStateStatus.RUNNING, 0, "root")
        assert 0 < child.elapsed < tree.elapsed < 60
        assert tree.to_dict()["children"][0]["state"]["task"] == "a"
        await scheduler.cancel("root")


# Following


async def test_events_are_those_of_the_agent_and_of_all_below_it(storage: AgentStateStorageConfig) -> None:
    parts = {"go": [calls(spawn("a")), calls(nap()), DONE], "a": [calls(spawn("aa")), calls(nap()), DONE]}
    async with Scheduler(SchedulerConfig(storage)) as scheduler:
        await scheduler.submit(agent_with(parts), "go")
        events = [event async for event in scheduler.events("root")]
    assert events[-1].type == EventType.RUN_COMPLETED
    assert {event.depth for event in events} == {0, 1, 2}
    steps = [event.step for event in events if event.step and event.step.content]
    assert [step.content for step in steps if step.role == "assistant"] == ["did aa", "Done.", "Done."]


async def test_events_of_a_root_go_on_with_each_task_until_it_is_over() -> None:
    parts = {"one": [calls(spawn("a")), DONE], "a": [calls(nap("timer", delay_seconds=0.2)), DONE]}

    async def follow(scheduler: Scheduler) -> list[str]:
        steps = [event.step async for event in scheduler.events("root")]
        return [str(step.content) for step in steps if step and step.role == "user"]

    async with Scheduler() as scheduler:
        await scheduler.submit(agent_with(parts), "one", persistent=True)
        follower = asyncio.create_task(follow(scheduler))
        await scheduler.wait_for("root")
        await scheduler.submit_task("root", "two")
        await scheduler.wait_for("root")
        await scheduler.wait_for("a")
        await scheduler.shutdown("root")
        async with asyncio.timeout(60):
            said = await follower
    assert (said[:2], said[2], len(said)) == (["one", "a"], "two", 4)
    assert said[3].startswith("You are being shut down")


async def test_who_comes_later_hears_of_what_earlier_tasks_left_behind_too() -> None:
    parts = {"one": [calls(spawn("a")), DONE], "a": [calls(nap("timer", delay_seconds=5)), DONE]}
    clock, asked = FrozenClock(), set[str]()
    async with Scheduler(clock=clock) as scheduler:
        await scheduler.submit(agent_with(parts), "one", persistent=True)
        await scheduler.wait_for("root")
        await scheduler.submit_task("root", "two")
        await scheduler.wait_for("root")
        async for event in _while(scheduler, "a"):
            asked.add(event.run_id)
            clock.advance(1)
    assert len(asked) == 2


async def _while(scheduler: Scheduler, id: str) -> AsyncGenerator[Any]:
    """The events of the root, until that agent has ended."""
    state = await scheduler.get_state(id)
    assert state
    async for event in scheduler.events("root"):
        yield event
        if event.run_id == state.run_id and event.type == EventType.RUN_COMPLETED:
            break


async def test_who_follows_a_root_is_told_when_it_is_cancelled_or_the_scheduler_is_stopped() -> None:
    async def follow(scheduler: Scheduler) -> int:
        return len([event async for event in scheduler.events("root")])

    async with Scheduler() as scheduler:
        await scheduler.run(agent_with({}), "one", persistent=True)
        follower = asyncio.create_task(follow(scheduler))
        await asyncio.sleep(0)
        await scheduler.cancel("root")
        async with asyncio.timeout(60):
            assert await follower > 0
        await scheduler.run(agent_with({}), "anew", persistent=True)
        follower = asyncio.create_task(follow(scheduler))
        for _ in range(50):
            await asyncio.sleep(0)
    async with asyncio.timeout(60):
        with pytest.raises(Conflict):
            await follower
