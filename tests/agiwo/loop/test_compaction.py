"""A conversation that fills the model's context: its older part gives way to a summary, and nothing is lost."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from agent_lab import CheckedModel, agent_in, ask, calls, items_of, requests_of
from agiwo.agent import Agent, AgentOptions
from agiwo.agent.compact_step import transcript
from agiwo.errors import ModelError
from agiwo.llm.base import Message
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import RunStatus
from agiwo.testing import RecordingTool
from engine_lab import Lab

pytestmark = pytest.mark.anyio

LONG = "word " * 600
"""About 750 tokens."""


def said(request: Sequence[Message]) -> list[str]:
    return [str(message["content"]) for message in request]


async def talk(lab: Lab, agent: Agent, *texts: str) -> list[str]:
    runs: list[str] = []
    for text in texts:
        runs.append(await ask(lab, agent, text, session="s"))
        assert (await lab.result(runs[-1])).status == RunStatus.COMPLETED
    return runs


async def test_a_conversation_that_would_fill_the_context_is_summarised_first(lab: Lab) -> None:
    one = agent_in(lab, {"text": LONG}, id="one", context_tokens=2500)
    await talk(lab, one, f"first {LONG}")
    two = agent_in(lab, {"text": "They talked about words."}, {"text": "Done."}, id="two", context_tokens=2500)
    (run,) = await talk(lab, two, f"second {LONG}")
    asked, went_on = map(said, requests_of(two))
    assert (asked[0].startswith("The conversation below"), "first word" in asked[0], len(asked)) == (True, True, 1)
    assert went_on == [went_on[0], f"second {LONG}"]
    assert went_on[0].endswith("summarised:\n\nThey talked about words.")
    (item,) = await items_of(lab, run, "compaction")
    assert item == {"kind": "compaction", "text": "They talked about words.", "replaced": 2}


async def test_what_comes_after_begins_with_the_summary_and_what_was_replaced_is_still_recorded(lab: Lab) -> None:
    first, second = f"first {LONG}", f"second {LONG}"
    await talk(lab, agent_in(lab, {"text": LONG}, id="one", context_tokens=2500), first)
    two = agent_in(lab, {"text": "In short."}, {"text": "Done."}, id="two", context_tokens=2500)
    (run,) = await talk(lab, two, second)
    three = agent_in(lab, {"text": "Yes."}, id="three", context_tokens=2500)
    await talk(lab, three, "third")
    (request,) = map(said, requests_of(three))
    assert (request[0].endswith("In short."), request[1:]) == (True, [second, "Done.", "third"])
    fork = await lab.engine.branching.fork("s", run, 0)
    four = agent_in(lab, {"text": "No."}, id="four", context_tokens=300_000)
    await lab.result(await ask(lab, four, "fourth", session=fork.id))
    assert said(requests_of(four)[0]) == [first, LONG, "fourth"]


async def test_a_call_is_never_parted_from_its_result(lab: Lab) -> None:
    tool = RecordingTool(results=[LONG], effect="read")
    turns = [calls("record"), calls("record", "record"), {"text": "In short."}, {"text": "Done."}]
    agent = agent_in(lab, *turns, tools=[tool], context_tokens=2500)
    run = await ask(lab, agent, "look three times")
    assert (await lab.result(run)).response == "Done."
    assert len(tool.calls) == 3
    assert len(await items_of(lab, run, "compaction")) == 1


@dataclass
class Small(CheckedModel):
    """A model that refuses what is longer than it can take."""

    most: int = 4000

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        if sum(len(str(message["content"])) for message in messages) > self.most:
            raise ModelError("context_length", "that is too long")
        async for chunk in super().arun_stream(messages, tools):
            yield chunk


def small_agent(lab: Lab, *turns: Mapping[str, Any], most: int) -> Agent:
    agent = Agent("small", "Takes little.", Small(turns=turns, most=most), options=AgentOptions())
    lab.programs[agent.id] = agent.program
    return agent


async def test_a_model_that_says_that_it_is_too_long_is_asked_again_with_a_summary(lab: Lab) -> None:
    for number in range(4):
        await talk(lab, agent_in(lab, {"text": f"answer {number} {LONG[:1000]}"}, id=f"a{number}"), f"q {number}")
    agent = small_agent(lab, {"text": "unused"}, {"text": "In short."}, {"text": "Done."}, most=4000)
    run = await ask(lab, agent, "and now?", session="s")
    assert (await lab.result(run)).response == "Done."
    assert len(await items_of(lab, run, "compaction")) == 1
    assert said(requests_of(agent)[-1])[0].endswith("In short.")


async def test_a_single_message_that_does_not_fit_fails_as_what_it_is(lab: Lab) -> None:
    run = await ask(lab, small_agent(lab, {"text": "never"}, most=1000), LONG)
    result = await lab.result(run)
    assert result.error
    assert (result.status, result.error["kind"]) == (RunStatus.FAILED, "context_length")


async def test_a_summary_that_fails_leaves_the_conversation_as_it_is(lab: Lab) -> None:
    await talk(lab, agent_in(lab, {"text": LONG}, id="one"), f"first {LONG}")
    broken = {"error": {"kind": "bad_request", "message": "no"}}
    two = agent_in(lab, broken, {"text": "Done."}, id="two", context_tokens=2500)
    (run,) = await talk(lab, two, f"second {LONG}")
    assert await items_of(lab, run, "compaction") == []
    assert len(requests_of(two)[-1]) == 3


@pytest.mark.parametrize("characters", [100, 1000, 10_000])
def test_a_transcript_is_no_longer_than_the_model_can_take(characters: int) -> None:
    messages = [{"role": "user", "content": LONG}, {"role": "assistant", "content": "short"}] * 10
    text = transcript(messages, characters)
    assert len(text) <= characters
    assert characters < 1000 or "short" in text
