"""What goes on: who is at work, what each does, and how many tokens there are while they come."""

import asyncio
from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.testing import RecordingTool, ScriptedModel
from daemon_lab import LiveModel, calling, running

pytestmark = pytest.mark.anyio


async def test_tokens_are_counted_while_they_come_and_when_they_have_come() -> None:
    model = LiveModel()
    async with running(Agent("slow", "", model)) as daemon, calling(daemon) as caller:
        run = await caller.start("slow")
        await model.asked.wait()
        model.say("x" * 400)
        await caller.until(lambda: run in caller.streams and caller.streams[run].streamed == "x" * 400)
        found = await caller.call("daemon/activity")
        again = await caller.call("daemon/activity")
        model.say(None)
        await caller.call("run/wait", runId=run)
        after = await caller.call("daemon/activity")

    [active] = found["runs"]
    assert (active["runId"], active["status"], active["doing"], active["outputTokens"]) == (
        run,
        "running",
        "answers",
        100,
    )
    assert found["outputTokens"] == again["outputTokens"] == 100
    assert (found["counts"]["running"], len(found["clients"]), found["omitted"]) == (1, 1, 0)
    assert after["runs"] == []


async def test_what_models_say_that_they_used_takes_the_place_of_the_guess() -> None:
    turns: list[dict[str, Any]] = [
        {"toolCalls": [{"name": "waits", "arguments": {}}], "usage": {"inputTokens": 70, "outputTokens": 30}},
        {"text": "Done.", "usage": {"inputTokens": 1, "outputTokens": 2}},
    ]
    gate = asyncio.Event()
    tool = RecordingTool("waits", gate=gate)
    async with running(Agent("busy", "", ScriptedModel(turns=turns), [tool])) as daemon, calling(daemon) as caller:
        run = await caller.start("busy")
        await tool.started.wait()
        [active] = (await caller.call("daemon/activity"))["runs"]
        gate.set()
        await caller.call("run/wait", runId=run)
        after = await caller.call("daemon/activity")

    assert (active["inputTokens"], active["outputTokens"], active["doing"]) == (70, 30, "waits")
    assert (after["inputTokens"], after["outputTokens"]) == (71, 32)
