"""NVIDIA's ways with chat completions."""

from typing import Any

import pytest
from agiwo.errors import ModelError
from agiwo.llm import NvidiaModel
from agiwo.llm.base import Message
from agiwo.schema.run import Usage
from fake_provider import DONE, FINISH, Answer, FakeProvider, delta, event, refuses, says

pytestmark = pytest.mark.anyio

THOUGHTFUL: list[Message] = [
    {"role": "user", "content": "hello"},
    {"role": "assistant", "content": "hi", "reasoning_content": "hm"},
    {"role": "user", "content": "and?"},
]


async def sent(id: str, **options: Any) -> Any:
    async with FakeProvider(says("x")) as provider:
        _ = [chunk async for chunk in NvidiaModel(id, base_url=provider.base_url, **options).arun_stream(THOUGHTFUL)]
    return provider.requests[0].body


async def test_a_model_thinks_as_it_likes_unless_it_is_told() -> None:
    body = await sent("z-ai/glm-5")

    assert "chat_template_kwargs" not in body
    assert body["messages"][1] == {"role": "assistant", "content": "hi"}


@pytest.mark.parametrize("thinking", [True, False])
async def test_most_models_are_told_in_the_request(thinking: bool) -> None:
    body = await sent("z-ai/glm-5", thinking=thinking)

    assert body["chat_template_kwargs"] == {"enable_thinking": thinking, "clear_thinking": False}
    assert body["messages"][1].get("reasoning_content") == ("hm" if thinking else None)


@pytest.mark.parametrize(("thinking", "word"), [(True, "/think"), (False, "/no_think")])
async def test_nemotron_is_told_in_words(thinking: bool, word: str) -> None:
    body = await sent("nvidia/llama-3.3-nemotron-super-49b-v1", thinking=thinking)

    assert body["messages"][0] == {"role": "system", "content": word}
    assert "chat_template_kwargs" not in body


async def test_tokens_that_are_told_along_the_way_are_not_added_up() -> None:
    def so_far(completion: int) -> bytes:
        tokens = {"prompt_tokens": 7, "completion_tokens": completion}
        return event({"choices": [{"delta": {"content": "x"}, "finish_reason": None}], "usage": tokens})

    async with FakeProvider(Answer([so_far(1), so_far(2), so_far(3), FINISH, DONE])) as provider:
        stream = NvidiaModel("m", base_url=provider.base_url).arun_stream(THOUGHTFUL)
        chunks = [chunk async for chunk in stream]

    assert [chunk.usage for chunk in chunks if chunk.usage] == [Usage(7, 1), Usage(7, 2), Usage(7, 3)]
    assert "".join(chunk.content or "" for chunk in chunks) == "xxx"


async def test_what_a_model_does_not_take_is_left_out_of_the_next_request() -> None:
    refused = refuses(422, {"detail": "Extra inputs are not permitted: body -> stream_options"})
    async with FakeProvider(refused, Answer([delta(content="x"), FINISH, DONE])) as provider:
        model = NvidiaModel("m", base_url=provider.base_url)
        with pytest.raises(ModelError) as caught:
            await anext(model.arun_stream(THOUGHTFUL))
        assert (caught.value.retryable, caught.value.refused) == (True, "stream_options")
        _ = [chunk async for chunk in model.arun_stream(THOUGHTFUL)]

    assert ["stream_options" in request.body for request in provider.requests] == [True, False]


async def test_without_a_key_both_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NVIDIA_BUILD_API_KEY", "NVIDIA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelError, match="NVIDIA_BUILD_API_KEY or NVIDIA_API_KEY"):
        await anext(NvidiaModel("m").arun_stream(THOUGHTFUL))
