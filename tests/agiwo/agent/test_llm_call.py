"""What a reader of a run is shown of each model call: what was asked, and that it is what the model was sent."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from agent_lab import CheckedModel, calls
from agiwo.agent import Agent, AgentHooks, AgentOptions, LLMCallContext, MemoryRecord, RunStepStorageConfig
from agiwo.testing import ScriptedModel
from agiwo.tool import tool

pytestmark = pytest.mark.anyio

WITH_WORDS: Mapping[str, Any] = {"text": "I look.", **calls("look")}


@tool
def look() -> str:
    """Look."""
    return "seen"


async def calls_seen(agent: Agent, said: str, **options: Any) -> list[LLMCallContext]:
    """The model calls of the answers in a run's stream."""
    return [event.llm async for event in agent.run_stream(said, **options) if event.llm]


def sent_to(agent: Agent, last: int) -> list[tuple[Sequence[Any], Any]]:
    """What the model was sent in its last requests: messages and tools."""
    assert isinstance(agent.model, ScriptedModel)
    return [(list(each.messages), list(each.tools) or None) for each in list(agent.model.requests)[-last:]]


@pytest.mark.parametrize("kept", ["memory", "sqlite"])
async def test_each_answer_shows_what_its_model_was_sent(kept: str, tmp_path: Path) -> None:
    config = {"db_path": str(tmp_path / "runs.sqlite")} if kept == "sqlite" else {}
    options = AgentOptions(run_step_storage=RunStepStorageConfig(kept, config))
    turns = [calls("look"), {"text": "It is there."}, WITH_WORDS, {"text": "Still there."}]
    agent = Agent("a", "Looks.", CheckedModel(turns=turns), [look], "Look well.", options)
    for said in ("Is it there?", "And now?"):
        seen = await calls_seen(agent, said, session_id="s")
        assert [(list(call.messages), call.tools) for call in seen] == sent_to(agent, 2)
        assert [call.finish_reason for call in seen] == ["tool_calls", "stop"]
    await agent.close()


async def test_memories_and_the_input_of_a_hook_are_in_it_and_the_parameters_too() -> None:
    async def before(asked: Any, context: Any) -> str:
        return "What is my name?"

    async def remember(asked: Any, context: Any) -> list[MemoryRecord]:
        return [MemoryRecord("They are called Ada.", 0.9)]

    hooks = AgentHooks(on_before_run=before, on_memory_retrieve=remember)
    model = CheckedModel(turns=[{"text": "Ada."}], temperature=0.2, top_p=None, max_tokens=100)
    agent = Agent("a", "Remembers.", model, [], hooks=hooks)
    (call,) = await calls_seen(agent, "name?")
    assert "called Ada" in call.messages[0]["content"]
    assert [(list(call.messages), call.tools)] == sent_to(agent, 1)
    asked = {"model_id": model.id, "model_name": model.name, "temperature": 0.2, "max_tokens": 100}
    assert call.request_params == asked
    await agent.close()


async def test_a_correction_is_in_what_the_next_answer_was_asked() -> None:
    agent = Agent("a", "Counts.", CheckedModel(turns=[{"text": "many"}, {"text": "3"}]), [])
    seen = await calls_seen(agent, "How many?", output_type=int)
    assert [len(call.messages) for call in seen] == [1, 3]
    assert seen[1].messages[-1]["role"] == "user"
    await agent.close()


async def test_who_reads_later_is_shown_no_call() -> None:
    agent = Agent("a", "Answers.", CheckedModel(turns=[{"text": "Yes."}]), [])
    handle = await agent.start("Well?")
    await handle.wait()
    assert [event.llm async for event in handle.stream() if event.step] == [None, None]
    await agent.close()
