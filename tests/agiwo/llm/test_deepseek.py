"""DeepSeek's way with thoughts, against a provider that refuses what the real one refuses."""

from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.errors import ModelError
from agiwo.llm import DeepseekModel, OpenAIModel
from agiwo.llm.base import Message
from agiwo.testing import RecordingTool
from fake_provider import DONE, FINISH, START, Answer, FakeProvider, Received, delta, refuses, says, usage

pytestmark = pytest.mark.anyio

HELLO: list[Message] = [{"role": "user", "content": "hello"}]
CALL = {"index": 0, "id": "call_a", "type": "function", "function": {"name": "record", "arguments": "{}"}}
THINKS = Answer(
    [
        delta(reasoning_content="I need "),
        delta(reasoning_content="the tool."),
        delta(tool_calls=[CALL]),
        delta("tool_calls"),
        usage(9, 4, prompt_cache_hit_tokens=6),
        DONE,
    ]
)


def strict(request: Received) -> Answer:
    """Refuse an answer without its thoughts, where tools are told of; call the tool once."""
    answers = [message for message in request.body["messages"] if message["role"] == "assistant"]
    is_off = request.body.get("thinking") == {"type": "disabled"}
    if request.body.get("tools") and not is_off and any("reasoning_content" not in each for each in answers):
        message = "The reasoning_content in the thinking mode must be passed back to the API"
        return refuses(400, {"error": {"message": message, "type": "invalid_request_error"}})
    return says("done") if answers else THINKS


async def sent(messages: list[Message], **options: Any) -> Any:
    async with FakeProvider(says("x")) as provider:
        model = DeepseekModel(base_url=provider.base_url, **options)
        _ = [chunk async for chunk in model.arun_stream(messages)]
    return provider.requests[0].body


async def test_thoughts_go_back_with_the_answer_that_they_led_to() -> None:
    async with FakeProvider(choose=strict) as provider:
        agent = Agent("agent", "", DeepseekModel(base_url=provider.base_url), [RecordingTool(effect="read")])
        output = (await agent.run("go")).raise_for_error()
        await agent.close()

    assert (output.response, output.usage.cached_tokens) == ("done", 6)
    answer = provider.requests[1].body["messages"][1]
    assert (answer["reasoning_content"], answer["tool_calls"][0]["id"]) == ("I need the tool.", "call_a")
    assert "reasoning_signature" not in answer


async def test_an_answer_of_a_model_that_does_not_think_has_empty_thoughts() -> None:
    body = await sent([*HELLO, {"role": "assistant", "content": "of another"}, *HELLO])

    assert body["messages"][1] == {"role": "assistant", "content": "of another", "reasoning_content": ""}


async def test_a_session_may_change_from_a_model_without_thoughts_to_one_with_them() -> None:
    calls = Answer([START, delta(tool_calls=[CALL]), delta("tool_calls"), DONE])
    async with FakeProvider(calls, refuses(401, "no")) as first, FakeProvider(choose=strict) as second:
        backup = DeepseekModel(base_url=second.base_url)
        model = OpenAIModel("m", base_url=first.base_url, fallback=[backup])
        agent = Agent("agent", "", model, [RecordingTool(effect="read")])
        assert (await agent.run("go")).response == "done"
        await agent.close()


@pytest.mark.parametrize(("thinking", "said"), [(True, {"type": "enabled"}), (False, {"type": "disabled"})])
async def test_thinking_is_switched_in_the_request(thinking: bool, said: Any) -> None:
    assert (await sent(HELLO, thinking=thinking, reasoning_effort="max"))["thinking"] == said
    assert "thinking" not in await sent(HELLO)


async def test_thoughts_are_left_out_where_there_is_no_thinking() -> None:
    thoughtful: Message = {"role": "assistant", "content": "x", "reasoning_content": "hm"}
    for options in ({"thinking": False}, {"id": "deepseek-chat"}):
        body = await sent([*HELLO, thoughtful, *HELLO], **options)
        assert body["messages"][1] == {"role": "assistant", "content": "x"}


async def test_a_model_that_is_no_more_is_sent_as_given_and_refused_with_its_successor() -> None:
    async with FakeProvider(refuses(400, {"error": {"message": "Model Not Exist"}})) as provider:
        with pytest.raises(ModelError, match="deepseek-flash, with thinking=False"):
            await anext(DeepseekModel("deepseek-chat", base_url=provider.base_url).arun_stream(HELLO))

    assert provider.requests[0].body["model"] == "deepseek-chat"


@pytest.mark.parametrize("reason", ["insufficient_system_resource", "error"])
async def test_an_answer_that_the_provider_could_not_finish_is_none(reason: str) -> None:
    async with FakeProvider(Answer([START, delta(content="The answer is"), delta(reason), DONE])) as provider:
        with pytest.raises(ModelError, match="broke off with an error: it could not go on") as caught:
            _ = [chunk async for chunk in DeepseekModel(base_url=provider.base_url).arun_stream(HELLO)]

    assert caught.value.retryable


async def test_a_comment_that_keeps_the_stream_alive_is_skipped() -> None:
    answer = Answer([b": keep-alive\n\n", delta(content="x"), b": keep-alive\n\n", FINISH, DONE])
    async with FakeProvider(answer) as provider:
        stream = DeepseekModel(base_url=provider.base_url).arun_stream(HELLO)
        assert [chunk.content async for chunk in stream] == ["x", None]
