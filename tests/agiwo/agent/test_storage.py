"""Where an agent's runs are kept: in memory or in a file, over the end of a process, shared by several agents."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from agent_lab import CheckedModel, calls
from agiwo.agent import (
    Agent,
    AgentHooks,
    AgentOptions,
    ExecutionContext,
    MessageRole,
    RunHandle,
    RunOutput,
    RunStatus,
    RunStepStorageConfig,
    TerminationReason,
    TraceStorageConfig,
)
from agiwo.errors import ConfigError, Conflict, NotFound
from agiwo.journal.sqlite import SqliteJournal
from agiwo.testing import RecordingTool, ScriptedModel

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}
HANGING: dict[str, Any] = {"text": "so far", "hang": True}


def kept_in(file: Path | str, **config: Any) -> AgentOptions:
    storage = RunStepStorageConfig(storage_type="sqlite", config={"db_path": str(file), **config})
    return AgentOptions(run_step_storage=storage)


def conversation(agent: Agent) -> list[str]:
    assert isinstance(agent.model, ScriptedModel)
    return [message["content"] for message in agent.model.requests[-1].messages]


async def until_it_speaks(handle: RunHandle) -> None:
    async for event in handle.stream():
        if event.delta and event.delta.content:
            return


# A file


async def test_a_session_goes_on_in_a_later_agent_over_the_same_file(agents: Any, tmp_path: Path) -> None:
    file = tmp_path / "not" / "there" / "yet.db"
    first = agents.make({"text": "Hello."}, options=kept_in(file))
    await first.run("one", session_id="s")
    await first.close()
    second = agents.make(DONE, options=kept_in(file, durability="full"))
    await second.run("two", session_id="s")
    assert conversation(second) == ["one", "Hello.", "two"]


async def test_a_path_may_begin_at_home(agents: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    agent = agents.make(DONE, options=kept_in("~/data.db"))
    await agent.run("one")
    assert (tmp_path / "data.db").exists()


def test_making_an_agent_touches_no_file(tmp_path: Path) -> None:
    Agent("agent", "Does nothing.", ScriptedModel(), options=kept_in(tmp_path / "data.db"))
    assert list(tmp_path.iterdir()) == []


async def test_a_run_that_was_not_finished_goes_on_when_its_agent_is_used_again(agents: Any, tmp_path: Path) -> None:
    file = tmp_path / "data.db"
    first = agents.make(calls("record"), HANGING, tools=[RecordingTool(effect="read")], options=kept_in(file))
    handle = await first.start("go", session_id="s")
    await until_it_speaks(handle)
    await first.close()
    tool = RecordingTool(effect="read")
    second = agents.make(calls("record"), DONE, tools=[tool], options=kept_in(file))
    again = await second.attach(handle.run_id)
    assert (await again.wait(5)).response == "Done."
    assert tool.calls == []
    events = [event async for event in again.stream()]
    assert [event.seq for event in events if event.seq] == list(range(1, (events[-1].seq or 0) + 1))
    with pytest.raises(NotFound):
        await second.attach("nobody")


PROGRAM = """
import asyncio, sys
from agiwo import Agent, AgentOptions, RunStepStorageConfig
from agiwo.testing import ScriptedModel
storage = RunStepStorageConfig("sqlite", {"db_path": sys.argv[1]})
model = ScriptedModel(turns=[{"text": "From there."}])
agent = Agent("agent", "Talks.", model, [], options=AgentOptions(run_step_storage=storage))
async def main():
    await agent.run("one", session_id="s")
    sys.stdout.write("said\\n")
    sys.stdout.flush()
    sys.stdin.read()
    await agent.close()
asyncio.run(main())
"""
"""Somebody else's process: it talks in the session `s` of a file, and stays until its stdin is closed."""


async def test_a_session_that_a_living_process_uses_is_refused_and_free_when_it_has_gone(
    agents: Any, tmp_path: Path
) -> None:
    file = tmp_path / "data.db"
    agent = agents.make(DONE, options=kept_in(file))
    async with await anyio.open_process([sys.executable, "-c", PROGRAM, str(file)]) as other:
        assert other.stdout
        assert await other.stdout.receive() == b"said\n"
        with pytest.raises(Conflict, match="another live process") as refused:
            await agent.run("two", session_id="s")
        assert refused.value.pid == other.pid
        assert (await agent.run("two", session_id="mine")).response == "Done."
        assert other.stdin
        await other.stdin.aclose()
        await other.wait()
    await agent.run("two", session_id="s")
    assert conversation(agent) == ["one", "From there.", "two"]


# Several agents


async def test_agents_that_name_the_same_file_take_turns_in_a_session(agents: Any, tmp_path: Path) -> None:
    options = kept_in(tmp_path / "data.db")
    several = [agents.make({"text": f"Number {n}."}, options=options) for n in range(5)]
    await asyncio.gather(*(agent.run(f"to {n}", session_id="s") for n, agent in enumerate(several)))
    assert sorted(len(conversation(agent)) for agent in several) == [1, 3, 5, 7, 9]
    outputs = await several[0].run_step_storage.get_steps("s")
    assert len(outputs) == 10


async def test_each_of_several_agents_with_one_id_runs_with_its_own_model(agents: Any, tmp_path: Path) -> None:
    options = kept_in(tmp_path / "data.db")
    several = [agents.make({"text": f"Number {n}."}, options=options) for n in range(3)]
    outputs = await asyncio.gather(*(agent.run("go") for agent in several))
    assert [output.response for output in outputs] == ["Number 0.", "Number 1.", "Number 2."]


async def test_a_file_is_as_durable_as_the_one_who_wants_most_of_those_who_share_it(
    agents: Any, tmp_path: Path
) -> None:
    file = tmp_path / "data.db"
    await agents.make(DONE, id="one", options=kept_in(file)).run("go")
    journal = await SqliteJournal.open(file)
    assert journal.durability == "normal"
    await agents.make(DONE, id="other", options=kept_in(file, durability="full")).run("go")
    assert journal.durability == "full"
    await journal.close()


async def test_closing_one_agent_leaves_the_others_over_its_file_alone(agents: Any, tmp_path: Path) -> None:
    options = kept_in(tmp_path / "data.db")
    one, other = agents.make(HANGING, id="one", options=options), agents.make(HANGING, id="other", options=options)
    going, ending = await other.start("go"), await one.start("go")
    await asyncio.gather(until_it_speaks(going), until_it_speaks(ending))
    await one.close()
    assert (await going._engine.head(going.run_id)).status == RunStatus.RUNNING
    assert (await ending.wait(5)).termination_reason == TerminationReason.CANCELLED
    await going.cancel()
    await going.wait(5)


async def test_a_run_of_an_agent_that_is_missing_goes_on_once_it_is_there(agents: Any, tmp_path: Path) -> None:
    options = kept_in(tmp_path / "data.db")
    first = agents.make(HANGING, id="missing", options=options)
    handle = await first.start("go")
    await until_it_speaks(handle)
    await first.close()
    stranger = agents.make(DONE, DONE, id="stranger", options=options)
    assert (await stranger.run("hello")).response == "Done."
    runs = stranger.run_step_storage
    assert (await runs.get_run(handle.run_id)).status == RunStatus.SUSPENDED
    ended = asyncio.Event()

    async def note(output: RunOutput, context: ExecutionContext) -> None:
        if context.run_id == handle.run_id:
            ended.set()

    again = agents.make(DONE, DONE, id="missing", options=options, hooks=AgentHooks(on_after_run=note))
    assert (await (await again.attach(handle.run_id)).wait(5)).response == "Done."
    await asyncio.wait_for(ended.wait(), 60)


def test_an_agent_in_memory_can_be_used_from_one_event_loop_after_another() -> None:
    agent = Agent("agent", "Talks.", CheckedModel(turns=[{"text": "One."}]), [])
    assert asyncio.run(agent.run("first", session_id="s")).response == "One."
    assert asyncio.run(agent.run("second", session_id="s")).response == "One."
    assert conversation(agent) == ["first", "One.", "second"]
    asyncio.run(agent.close())


# The view


async def test_the_store_shows_runs_and_steps(agents: Any, tmp_path: Path) -> None:
    agent = agents.make(calls(("record", {"n": 1})), DONE, tools=[RecordingTool()])
    output = await agent.run("go", session_id="s", user_id="me")
    store = agent.run_step_storage
    run = await store.get_run(output.run_id)
    assert (run.user_input, run.user_id, run.status, run.response_content) == ("go", "me", RunStatus.COMPLETED, "Done.")
    assert (run.metrics.steps_count, run.metrics.tool_calls_count) == (2, 1)
    assert run.metrics.start_at <= run.metrics.end_at
    steps = await store.get_steps("s")
    assert [(step.sequence, step.role, step.content) for step in steps] == [
        (1, MessageRole.USER, "go"),
        (2, MessageRole.ASSISTANT, ""),
        (3, MessageRole.TOOL, "recorded"),
        (4, MessageRole.ASSISTANT, "Done."),
    ]
    assert await store.get_last_step("s") == steps[-1]
    assert await store.get_step_count("s") == await store.get_max_sequence("s") == 4
    assert await store.get_step_by_tool_call_id("s", "call_0_0") == steps[2]
    assert await store.get_steps("s", start_seq=2, end_seq=3) == steps[1:3]
    assert await store.get_steps("s", limit=1, ascending=False) == steps[-1:]
    assert await store.get_steps("nobody") == []
    assert await store.get_run("nobody") is None


async def test_runs_are_listed_by_user_and_session_the_newest_first(agents: Any) -> None:
    agent = agents.make(DONE)
    mine = [(await agent.run(str(n), session_id=f"s{n % 2}", user_id="me")).run_id for n in range(4)]
    await agent.run("other", session_id="s0", user_id="you")
    store = agent.run_step_storage
    assert [run.id for run in await store.list_runs(user_id="me")] == mine[::-1]
    assert [run.id for run in await store.list_runs(user_id="me", limit=2, offset=1)] == mine[2:0:-1]
    assert [run.user_input for run in await store.list_runs(session_id="s0")] == ["other", "2", "0"]


@pytest.mark.parametrize("turns", [30, pytest.param(520, marks=pytest.mark.soak)])
async def test_no_step_of_a_long_session_is_lost_and_the_model_sees_all_of_it(agents: Any, turns: int) -> None:
    agent = agents.make(DONE)
    for number in range(turns):
        await agent.run(str(number), session_id="s")
    steps = await agent.run_step_storage.get_steps("s", limit=None)
    assert [step.sequence for step in steps] == list(range(1, 2 * turns + 1))
    assert [step.content for step in steps[::2]] == [str(number) for number in range(turns)]
    assert conversation(agent)[::2] == [str(number) for number in range(turns)]


async def test_the_store_cannot_be_written_past_the_runs(agents: Any) -> None:
    agent = agents.make(DONE)
    output = await agent.run("go", session_id="s")
    store = agent.run_step_storage
    for write in (store.delete_run(output.run_id), store.delete_steps("s", 1), store.allocate_sequence("s")):
        with pytest.raises(ConfigError, match="rewind or fork"):
            await write
    assert await store.get_step_count("s") == 2


# Configuration


@pytest.mark.parametrize("config", [RunStepStorageConfig, TraceStorageConfig])
def test_a_store_that_there_is_not_is_refused_with_those_that_there_are(config: Any) -> None:
    with pytest.raises(ConfigError, match=r"no store 'postgres'; there are memory, sqlite, mongodb"):
        config(storage_type="postgres")


def test_a_configuration_that_cannot_work_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="db_pat"):
        RunStepStorageConfig("sqlite", {"db_pat": "data.db"})
    with pytest.raises(ConfigError, match="durability is 'most'"):
        RunStepStorageConfig("sqlite", {"durability": "most"})
    with pytest.raises(ConfigError, match="'mongodb' needs a uri"):
        RunStepStorageConfig("mongodb", {"db_name": "mine"})


def test_an_address_with_a_password_is_not_shown_with_a_configuration() -> None:
    assert "hush" not in repr(RunStepStorageConfig("mongodb", {"uri": "mongodb://me:hush@host"}))
