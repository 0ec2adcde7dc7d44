"""The same tiny programs, and the same agent loop, on every engine: the embedded one, and Temporal's server."""

import asyncio
from typing import Any

import pytest
from agiwo import ids
from agiwo.agent import Agent, AgentOptions
from agiwo.schema.run import RunStatus, TerminationReason
from agiwo.testing import ScriptedModel
from agiwo.tool import tool
from engine_cases import CASES, TIMEOUT, AnyEngine

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", CASES)
async def test_a_tiny_program_ends_as_it_must(any_engine: AnyEngine, name: str) -> None:
    case = CASES[name]
    result = await case.play(any_engine)
    assert (result.status, result.output) == (case.status, case.output)
    if case.reason:
        assert result.reason == case.reason


# The agent loop


TURNS: list[dict[str, Any]] = [
    {"text": "Let me see. ", "toolCalls": [{"name": "add", "arguments": {"a": 40, "b": 2}}, {"name": "none_such"}]},
    {"toolCalls": [{"name": "add", "arguments": '{"a": 1'}]},
    {"text": "It is 42.", "deltas": 3, "usage": {"inputTokens": 5, "outputTokens": 7}},
]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def start(on: AnyEngine, agent: Agent) -> str:
    on.programs[agent.id] = agent.program
    return await on.engine.submit(agent.spec("What is 40 + 2?", session_id=ids.fresh("ses")))


async def test_the_agent_loop_thinks_acts_and_answers(any_engine: AnyEngine) -> None:
    model = ScriptedModel(turns=TURNS)
    agent = Agent("adder", "Adds.", model, [tool(effect="idempotent")(add)])
    result = await any_engine.engine.result(await start(any_engine, agent), TIMEOUT)
    assert (result.status, result.response) == (RunStatus.COMPLETED, "It is 42.")
    assert result.usage.output_tokens == 7
    said = [(message["role"], str(message.get("content"))) for message in model.requests[-1].messages]
    assert said[:3] == [("user", "What is 40 + 2?"), ("assistant", "Let me see. "), ("tool", "42")]
    assert said[3][1].startswith("Error: there is no tool 'none_such'")
    assert '{"a": 1' in said[5][1]
    calls = [message for message in model.requests[-1].messages if message.get("tool_calls")]
    assert calls[1]["tool_calls"][0]["function"]["arguments"] == "{}"
    await agent.close()


async def test_the_agent_loop_hears_what_is_said_while_it_works(any_engine: AnyEngine) -> None:
    is_working, may_end = asyncio.Event(), asyncio.Event()

    async def work() -> str:
        """Work until told."""
        is_working.set()
        await may_end.wait()
        return "worked"

    model = ScriptedModel(turns=[{"toolCalls": [{"name": "work"}]}, {"text": "Done."}])
    agent = Agent("worker", "Works.", model, [tool(effect="idempotent")(work)])
    run = await start(any_engine, agent)
    async with asyncio.timeout(TIMEOUT):
        await is_working.wait()
    await any_engine.engine.send(run, "m1", "steer", {"content": "Be brief."})
    may_end.set()
    assert (await any_engine.engine.result(run, TIMEOUT)).response == "Done."
    assert model.requests[-1].messages[-1] == {"role": "user", "content": "Be brief."}
    await agent.close()


async def test_the_agent_loop_is_cancelled_in_a_tool_and_completes_what_it_began(any_engine: AnyEngine) -> None:
    is_working = asyncio.Event()

    async def work() -> str:
        """Work for ever."""
        is_working.set()
        await asyncio.Event().wait()
        return "never"

    model = ScriptedModel(turns=[{"toolCalls": [{"name": "work"}]}])
    agent = Agent("worker", "Works.", model, [tool(effect="idempotent", timeout_seconds=None)(work)])
    run = await start(any_engine, agent)
    async with asyncio.timeout(TIMEOUT):
        await is_working.wait()
    assert await any_engine.engine.cancel(run, "enough")
    result = await any_engine.engine.result(run, TIMEOUT)
    assert (result.status, result.reason) == (RunStatus.CANCELLED, "enough")
    assert not await any_engine.engine.cancel(run)
    await agent.close()


async def test_the_agent_loop_stops_at_its_limit_and_sums_up(any_engine: AnyEngine) -> None:
    model = ScriptedModel(turns=[TURNS[0], TURNS[0], {"text": "So far, 42."}])
    agent = Agent("adder", "Adds.", model, [tool(effect="read")(add)], options=AgentOptions(max_steps=2))
    result = await any_engine.engine.result(await start(any_engine, agent), TIMEOUT)
    assert (result.termination, result.response) == (TerminationReason.MAX_STEPS, "So far, 42.")
    assert model.requests[-1].tools == ()
    await agent.close()
