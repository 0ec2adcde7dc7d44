"""Conversations of an agent: they go on over runs, branch at any point, and stay cheap however long they are."""

import pytest
from agiwo.agent import Agent
from agiwo.testing import ScriptedModel

pytestmark = pytest.mark.anyio


def said_to(model: ScriptedModel) -> list[str]:
    """What the model was last told, message by message."""
    return [str(message["content"]) for message in model.requests[-1].messages]


async def test_a_conversation_is_forked_and_rewound_by_the_agent() -> None:
    model = ScriptedModel(turns=[{"text": "I see."}])
    agent = Agent("a", "Sees.", model)
    first = await agent.run("one", session_id="s")
    await agent.run("two", session_id="s")
    assert first.run_id
    fork = await agent.fork("s", at=first.run_id)
    await agent.run("instead", session_id=fork)
    assert said_to(model) == ["one", "I see.", "instead"]
    await agent.rewind("s", at=first.run_id, seq=0)
    await agent.run("anew", session_id="s")
    assert said_to(model) == ["anew"]
    await agent.close()
