"""The registry of agents: which is meant, which is near, and which model a run asked for."""

import asyncio
from pathlib import Path

import pytest
from agiwo.agent import Agent, AgentHooks, ExecutionContext, RunOutput
from agiwo.errors import ConfigError, NotFound
from agiwo.journal.memory import MemoryJournal
from agiwo.schema.run import RunSpec
from agiwo.testing import ScriptedModel
from agiwod.runtime.agents import MODEL, Agents, Registered
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.runs import Ask
from daemon_lab import running, scripted

pytestmark = pytest.mark.anyio


def registry(*ids: str, default: str | None = None) -> Agents:
    return Agents([Registered(scripted(id)) for id in ids], default=default)


@pytest.mark.parametrize(
    ("ids", "default", "meant"),
    [
        (["b", "assistant", "a"], "a", "a"),
        (["b", "assistant", "a"], None, "assistant"),
        (["only"], None, "only"),
        (["a", "b"], None, None),
        ([], None, None),
    ],
)
def test_the_default_agent_is_the_configured_one_else_assistant_else_the_only_one(
    ids: list[str], default: str | None, meant: str | None
) -> None:
    assert registry(*ids, default=default).default == meant


def test_a_default_agent_that_does_not_exist_is_a_fault_of_the_settings() -> None:
    with pytest.raises(ConfigError, match="did you mean 'writer'"):
        registry("writer", default="writter")


def test_two_agents_with_one_id_are_a_fault_of_the_settings() -> None:
    with pytest.raises(ConfigError, match="two agents with the id 'a'"):
        registry("a", "a")


@pytest.mark.parametrize(
    ("ids", "hint"), [(["a", "bc"], "there are a, bc"), ([], "none is configured"), (["xyzz"], "did you mean 'xyzz'")]
)
def test_an_unknown_agent_is_told_what_there_is(ids: list[str], hint: str) -> None:
    with pytest.raises(NotFound, match=hint):
        registry(*ids).get("xyz")


async def test_a_run_can_ask_for_another_model_and_keeps_it() -> None:
    other = ScriptedModel(id="other", turns=[{"text": "from the other one"}])
    agents = Agents([Registered(scripted("echo"))], resolve=lambda name: other)
    variant = agents.with_model("echo", "other")
    assert (variant.id, variant.model.name) == ("echo", "other")
    assert agents.with_model("echo", "other") is variant
    assert agents.with_model("echo", None) is agents.get("echo").agent
    assert agents.find(RunSpec("echo", "s", "hi", {MODEL: "other"})) is variant.program


async def test_the_program_of_a_run_whose_model_is_gone_is_not_found() -> None:
    spec = RunSpec("echo", "s", "hi", {MODEL: "nobody:knows"})
    assert registry("echo").find(spec) is None
    assert registry().find(spec) is None


async def test_the_model_that_a_run_asked_for_answers_and_is_named_by_its_first_event(tmp_path: object) -> None:
    async with running(scripted("echo")) as daemon:
        run = (await daemon.runs.start(Ask("echo", "hi", model="script"))).head.run
        await daemon.runs.wait(run)
        events, _ = await daemon.runs.page(run, 0, 1)
        assert events[0].data["model"] == "script"


async def test_an_agent_behind_a_tool_runs_though_only_the_one_above_it_is_registered() -> None:
    child = scripted("child", {"text": "42"})
    call = {"name": "child", "arguments": {"task": "Six times seven?"}}
    model = ScriptedModel(turns=[{"toolCalls": [call]}, {"text": "Done."}])
    async with running(Agent("parent", "Delegates.", model, [child.as_tool()])) as daemon:
        run = (await daemon.runs.start(Ask("parent", "go"))).head.run
        state = await daemon.runs.wait(run, 5)
        assert state.result
        assert state.result.response == "Done."
        assert [message["content"] for message in model.requests[-1].messages][-1] == "42"


async def test_the_model_that_a_run_asked_for_is_not_that_of_the_agents_below_it(tmp_path: Path) -> None:
    asked = ScriptedModel(id="asked", turns=[{"toolCalls": [TO_CHILD]}, {"text": "Done."}])
    child = scripted("child", {"text": "42"})
    parent = Agent("parent", "Delegates.", ScriptedModel(), [child.as_tool()])
    agents = Agents([Registered(parent), Registered(child)], resolve=lambda name: asked)
    daemon = Daemon(MemoryJournal(), agents)
    await daemon.start()
    try:
        run = (await daemon.runs.start(Ask("parent", "go", model="asked"))).head.run
        assert await model_and_answer(daemon, run) == ("asked", "Done.")
        [below] = await daemon.runs.list(parent=run)
        assert await model_and_answer(daemon, below.head.run) == ("script", "42")
        again = (await daemon.replays.start(below.head.run)).head.run
        assert await model_and_answer(daemon, again) == ("script", "42")
    finally:
        await daemon.close()


TO_CHILD = {"name": "child", "arguments": {"task": "Six times seven?"}}


async def model_and_answer(daemon: Daemon, run: str) -> tuple[str, str | None]:
    """The model that a run names in its first event, and what it answered in the end."""
    state = await daemon.runs.wait(run, 5)
    events, _ = await daemon.runs.page(run, 0, 1)
    return events[0].data["model"], state.result and state.result.response


async def test_hooks_look_on_at_runs_that_clients_start() -> None:
    ended = asyncio.Event()
    seen: list[str | None] = []

    async def note(output: RunOutput, context: ExecutionContext) -> None:
        seen.append(output.response)
        ended.set()

    model = ScriptedModel(turns=[{"text": "Done."}])
    async with running(Agent("agent", "Works.", model, [], hooks=AgentHooks(on_after_run=note))) as daemon:
        await daemon.runs.start(Ask("agent", "go"))
        await asyncio.wait_for(ended.wait(), 60)
    assert seen == ["Done."]
