"""Tools that say what they are doing while they do it."""

from typing import Any

import pytest
from agiwo.agent import Agent, ExecutionContext
from agiwo.testing import ScriptedModel
from agiwo.tool import BaseTool, tool

pytestmark = pytest.mark.anyio


@tool(name="work")
async def in_the_loop(context: ExecutionContext) -> str:
    """Works in the event loop."""
    assert context.tell
    context.tell("half ")
    context.tell("done")
    return "ok"


@tool(name="work")
def in_a_thread(context: ExecutionContext) -> str:
    """Works in a thread."""
    assert context.tell
    context.tell("half ")
    context.tell("done")
    return "ok"


@pytest.mark.parametrize("work", [in_the_loop, in_a_thread])
async def test_who_follows_the_run_hears_what_a_call_is_doing(work: BaseTool):
    turns: list[dict[str, Any]] = [{"toolCalls": [{"name": "work", "arguments": {}}]}, {"text": "done"}]
    agent = Agent("a", "", ScriptedModel(turns=turns), tools=[work])
    events = [event async for event in agent.run_stream("go")]
    await agent.close()

    heard = [event.data["text"] for event in events if event.data.get("kind") == "toolOutput"]
    assert "".join(heard) == "half done"
