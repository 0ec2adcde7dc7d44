"""`$/progress`: what a client is told of a run whose end it waits for, and no events."""

import asyncio
from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.testing import ScriptedModel
from agiwo.tool.builtin.calculator import Calculator
from agiwo_protocol.errors import DeadlineExceeded, NotFound
from daemon_lab import Caller, LiveModel, calling, running

pytestmark = pytest.mark.anyio


def heard(caller: Caller, token: str | int) -> list[Any]:
    """The progress told under that token; nothing else may have been told."""
    assert {each.method for each in caller.told} <= {"$/progress"}
    found = [each.params for each in caller.told if isinstance(each.params, dict)]
    return [each["value"] for each in found if each["token"] == token]


async def test_who_waits_with_a_token_reads_the_words_as_they_come_and_all_of_them_before_the_answer() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("live", attach=False)
        waiting = asyncio.create_task(caller.call("run/wait", runId=run, progressToken="mine"))
        model.say("one ", "two ")
        await caller.until(lambda: bool(heard(caller, "mine")))
        assert not waiting.done()
        model.say("three", None)
        assert (await waiting)["response"] == "one two three"
        assert "".join(each["text"] for each in heard(caller, "mine")) == "one two three"
        assert {each["runId"] for each in heard(caller, "mine")} == {run}


async def test_tools_that_are_called_are_named_and_what_was_said_before_is_told_as_a_whole() -> None:
    turns = [{"toolCalls": [{"name": "calculator", "arguments": {"expression": "6*7"}}]}, {"text": "It is 42."}]
    agent = Agent("worker", "", ScriptedModel(turns=turns), [Calculator()])
    async with running(agent) as daemon, calling(daemon) as caller:
        run = await caller.start("worker", attach=False)
        await caller.call("run/wait", runId=run)
        assert caller.told == []
        await caller.call("run/wait", runId=run, progressToken=7)
        told = [(each["kind"], each["text"]) for each in heard(caller, 7)]
        assert told == [("toolCall", "calculator"), ("text", "It is 42.")]


async def test_no_progress_comes_after_the_answer_also_when_that_is_an_error() -> None:
    model = LiveModel()
    async with running(Agent("live", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("live", attach=False)
        with pytest.raises(DeadlineExceeded):
            await caller.call("run/wait", runId=run, progressToken="mine", timeoutMs=1)
        model.say("unheard", None)
        await caller.call("run/wait", runId=run)
        assert heard(caller, "mine") == []
        with pytest.raises(NotFound):
            await caller.call("run/wait", runId="run_x", progressToken="mine")


async def test_a_task_of_a_scheduled_agent_is_told_likewise() -> None:
    async with running() as daemon, calling(daemon) as caller:
        submitted = await caller.call("scheduler/submit", agent="echo", input="hi")
        await caller.call("scheduler/wait", stateId=submitted["stateId"], progressToken="mine")
        assert "".join(each["text"] for each in heard(caller, "mine")) == "hello world"
