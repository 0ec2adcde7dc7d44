"""The messages wire, against a provider on a real socket."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agiwo.config import use_settings
from agiwo.errors import ModelError
from agiwo.llm.anthropic import AnthropicModel
from agiwo.llm.base import Message, Timeouts
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import Usage
from fake_messages import block, call, end, named, says, start, strict, text, thought, whole
from fake_provider import Answer, FakeProvider, refuses

pytestmark = pytest.mark.anyio

KEY = "sk-ant-a-secret"
HELLO: list[Message] = [{"role": "user", "content": "hello"}]
ADD: dict[str, Any] = {
    "type": "function",
    "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {"a": {}}}},
}


@pytest.fixture(autouse=True)
def only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("API_KEY", "BASE_URL"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)
        monkeypatch.delenv(f"AGIWO_ANTHROPIC_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    use_settings(None)


def model_at(provider: FakeProvider, **options: Any) -> AnthropicModel:
    patient = Timeouts(connect=60, first_byte=60, idle=60, total=60)
    given: dict[str, Any] = {"api_key": KEY, "base_url": provider.base_url, "timeouts": patient, **options}
    return AnthropicModel("some-model", **given)


async def ask(
    model: AnthropicModel, messages: list[Message] = HELLO, tools: list[dict[str, Any]] | None = None
) -> list[StreamChunk]:
    return [chunk async for chunk in model.arun_stream(messages, tools)]


async def sent(messages: list[Message], tools: list[dict[str, Any]] | None = None, **options: Any) -> Any:
    """The body of the request that these messages make, to a provider that takes nothing wrong."""
    async with FakeProvider(choose=strict) as provider:
        await ask(model_at(provider, **options), messages, tools)
    return provider.requests[0].body


async def failure_of(answer: Answer, **options: Any) -> ModelError:
    async with FakeProvider(answer) as provider:
        with pytest.raises(ModelError) as caught:
            await ask(model_at(provider, **options))
    assert KEY not in str(caught.value)
    return caught.value


async def test_an_answer_comes_in_the_pieces_in_which_it_was_sent() -> None:
    async with FakeProvider(says("hel", "lo")) as provider:
        chunks = await ask(model_at(provider))

    assert [chunk.content for chunk in chunks if chunk.content] == ["hel", "lo"]
    assert chunks[-1] == StreamChunk(finish_reason="stop", usage=Usage(7, 1))


async def test_a_request_has_the_models_id_the_key_and_the_version() -> None:
    async with FakeProvider(says("x")) as provider:
        await ask(model_at(provider, name="a name for people"))

    (request,) = provider.requests
    assert request.path == "/v1/messages"
    assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == (KEY, "2026-10-21")
    assert request.body == {
        "model": "some-model",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        "stream": True,
        "cache_control": {"type": "ephemeral"},
    }


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_a_base_url_may_end_with_the_version_path_or_not(path: str) -> None:
    async with FakeProvider(says("x")) as provider:
        await ask(model_at(provider, base_url=provider.base_url.removesuffix("/v1") + path))

    assert provider.requests[0].path == "/v1/messages"


async def test_system_messages_stand_above_the_conversation() -> None:
    body = await sent([{"role": "system", "content": "Be brief."}, *HELLO, {"role": "system", "content": "Please."}])

    assert body["system"] == "Be brief.\n\nPlease."
    assert [message["role"] for message in body["messages"]] == ["user"]


async def test_parameters_are_sent_only_when_they_are_set() -> None:
    body = await sent(HELLO, temperature=0.5, effort="low", prompt_cache=False, extra_body={"top_k": 3})

    assert (body["temperature"], body["output_config"], body["top_k"]) == (0.5, {"effort": "low"}, 3)
    assert not {"top_p", "thinking", "cache_control", "system", "tools"} & set(body)


async def test_tools_are_told_in_the_wires_own_form() -> None:
    body = await sent(HELLO, [ADD])

    schema = ADD["function"]["parameters"]
    assert body["tools"] == [{"name": "add", "description": "Adds.", "input_schema": schema}]


async def test_tool_calls_come_as_fragments_that_name_their_index() -> None:
    answer = whole(text(0, "Well."), call(1, "toolu_a", "add", '{"a"', ": 1}"), call(2, "toolu_b", "now"))
    async with FakeProvider(answer) as provider:
        chunks = await ask(model_at(provider))

    fragments = [fragment for chunk in chunks for fragment in chunk.tool_calls or ()]
    assert fragments == [
        {"index": 0, "id": "toolu_a", "function": {"name": "add", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a"'}},
        {"index": 0, "function": {"arguments": ": 1}"}},
        {"index": 1, "id": "toolu_b", "function": {"name": "now", "arguments": ""}},
    ]


async def test_arguments_that_come_whole_are_arguments_too() -> None:
    whole_call = block(0, "tool_use", id="a", name="add", input={"a": 1})
    async with FakeProvider(whole(whole_call, reason="tool_use")) as provider:
        chunks = await ask(model_at(provider))

    assert chunks[1].tool_calls == ({"index": 0, "id": "a", "function": {"name": "add", "arguments": '{"a":1}'}},)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
    ],
)
async def test_a_stop_reason_has_the_name_that_it_has_elsewhere(reason: str, finish: str) -> None:
    async with FakeProvider(whole(text(0, "x"), reason=reason)) as provider:
        assert (await ask(model_at(provider)))[-1].finish_reason == finish


async def test_cached_tokens_are_part_of_the_input_and_counts_replace_what_was_said_before() -> None:
    pieces = [
        start(cache_read_input_tokens=50, cache_creation_input_tokens=3, output_tokens=1),
        *text(0, "x"),
        *end("end_turn", 9, cache_read_input_tokens=60, output_tokens_details={"thinking_tokens": 4}),
    ]
    async with FakeProvider(Answer(pieces)) as provider:
        usages = [chunk.usage for chunk in await ask(model_at(provider)) if chunk.usage]

    assert usages[0] == Usage(60, 1, 50, cache_write_tokens=3)
    assert usages[-1] == Usage(70, 9, 60, 4, cache_write_tokens=3)


# Thoughts.


async def replayed(answer: Answer, content: str, **options: Any) -> Any:
    """The blocks in which an answer goes back to its provider."""
    async with FakeProvider(answer) as provider:
        chunks = await ask(model_at(provider))
    calls: dict[int, dict[str, Any]] = {}
    for fragment in (each for chunk in chunks for each in chunk.tool_calls or ()):
        known = calls.setdefault(fragment["index"], {"id": fragment.get("id"), "function": {"arguments": ""}})
        known["function"]["name"] = known["function"].get("name") or fragment["function"]["name"]
        known["function"]["arguments"] += fragment["function"]["arguments"]
    message: Message = {
        "role": "assistant",
        "content": "".join(chunk.content or "" for chunk in chunks) if content == "same" else content,
        "reasoning_content": "".join(chunk.reasoning_content or "" for chunk in chunks),
        "reasoning_signature": next((chunk.signature for chunk in chunks if chunk.signature), None),
        "tool_calls": list(calls.values()),
    }
    results: list[Message] = [{"role": "tool", "tool_call_id": each["id"], "content": "2"} for each in calls.values()]
    body = await sent([*HELLO, message, *results, *HELLO], [ADD], **options)
    return body["messages"][1]["content"]


THOUGHTFUL = whole(
    thought(0, "sig-1", "hm", ", so"),
    text(1, "Let ", "me."),
    block(2, "redacted_thinking", data="secret"),
    thought(3, "sig-2"),
    call(4, "toolu_a", "add", '{"a": 1}'),
    text(5, "And."),
    reason="tool_use",
)


async def test_thoughts_are_told_apart_from_the_answer() -> None:
    async with FakeProvider(THOUGHTFUL) as provider:
        chunks = await ask(model_at(provider))

    assert [chunk.reasoning_content for chunk in chunks if chunk.reasoning_content] == ["hm", ", so"]
    assert [chunk.content for chunk in chunks if chunk.content] == ["Let ", "me.", "And."]


async def test_thoughts_go_back_as_they_were_signed_and_where_they_stood() -> None:
    assert await replayed(THOUGHTFUL, "same") == [
        {"type": "thinking", "thinking": "hm, so", "signature": "sig-1"},
        {"type": "text", "text": "Let me."},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "thinking", "thinking": "", "signature": "sig-2"},
        {"type": "tool_use", "id": "toolu_a", "name": "add", "input": {"a": 1}},
        {"type": "text", "text": "And."},
    ]


CALL = {"type": "tool_use", "id": "toolu_a", "name": "add", "input": {"a": 1}}


async def test_thoughts_of_an_answer_that_was_changed_are_left_out_for_their_signatures_are_void() -> None:
    assert await replayed(THOUGHTFUL, "changed") == [{"type": "text", "text": "changed"}, CALL]


async def test_thoughts_are_left_out_when_thinking_is_off() -> None:
    assert [each["type"] for each in await replayed(THOUGHTFUL, "same", thinking=False)] == ["text", "tool_use"]


@pytest.mark.parametrize("signature", ["of-another-provider", '[["unknown"]]', '[["text"]]', '[["thinking', 7])
async def test_a_signature_of_somebody_else_is_nothing_to_this_wire(signature: Any) -> None:
    answer: Message = {"role": "assistant", "content": "x", "reasoning_content": "y", "reasoning_signature": signature}
    body = await sent([*HELLO, answer, *HELLO])

    assert body["messages"][1]["content"] == [{"type": "text", "text": "x"}]


@pytest.mark.parametrize(
    ("thinking", "said"),
    [
        (True, {"type": "adaptive"}),
        (False, {"type": "disabled"}),
        (2000, {"type": "enabled", "budget_tokens": 2000}),
        (None, None),
    ],
)
async def test_thinking_is_said_as_the_wire_wants_it(thinking: Any, said: Any) -> None:
    assert (await sent(HELLO, thinking=thinking)).get("thinking") == said


async def test_a_budget_for_thinking_leaves_room_for_the_answer_and_sends_no_temperature() -> None:
    body = await sent(HELLO, thinking=8000, max_tokens=1000, temperature=0.5)

    assert body["max_tokens"] == 9000
    assert "temperature" not in body


async def test_a_turn_that_began_without_a_thought_goes_on_without_a_budget_for_one() -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}}]
    turn: list[Message] = [
        *HELLO,
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "2"},
    ]

    assert "thinking" not in await sent(turn, [ADD], thinking=2000)


# Images and files.


async def test_images_and_files_go_as_the_wire_wants_them() -> None:
    parts = [
        {"type": "text", "text": "Look:"},
        {"type": "image", "url": "https://example.org/cat.png"},
        {"type": "image", "data": "iVBORw0KGgo="},
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGOD=="}},
        {"type": "file", "data": "JVBERi0=", "mimeType": "application/pdf"},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,aGVsbG8="}},
        {"type": "file", "url": "https://example.org/paper.pdf"},
    ]
    body = await sent([{"role": "user", "content": parts}])

    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lGOD=="}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello"}},
        {"type": "document", "source": {"type": "url", "url": "https://example.org/paper.pdf"}},
    ]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "file", "data": "UEsDBA==", "mimeType": "application/zip"}, "application/zip"),
        ({"type": "file", "data": "/w==", "mimeType": "text/plain"}, "not text"),
        ({"type": "image"}, "neither url nor data"),
        ({"type": "smell", "data": "x"}, "'smell'"),
    ],
)
async def test_what_no_model_can_look_at_is_refused_before_it_is_sent(part: dict[str, Any], said: str) -> None:
    async with FakeProvider(says("x")) as provider:
        with pytest.raises(ModelError, match=said) as caught:
            await ask(model_at(provider), [{"role": "user", "content": [part]}])

    assert (caught.value.kind, caught.value.sent, provider.requests) == ("bad_request", False, [])


# A conversation that something went wrong with. The provider of these refuses what the real one refuses.


async def test_an_odd_conversation_is_put_right() -> None:
    broken = [{"id": "call.of/run 7", "type": "function", "function": {"name": "add", "arguments": '{"a": '}}]
    body = await sent(
        [
            {"role": "assistant", "content": "I begin."},
            {"role": "user", "content": ""},
            {"role": "assistant", "content": ""},
            {"role": "assistant", "content": "On I go.", "tool_calls": broken * 2},
            {"role": "user", "content": "Stop!"},
            {"role": "tool", "tool_call_id": "call.of/run 7", "content": ""},
            {"role": "tool", "tool_call_id": "nobody's", "content": "?"},
            {"role": "assistant", "content": "  "},
        ]
    )

    first, second = (each["id"] for each in body["messages"][3]["content"][1:])
    assert body["tools"] == [{"name": "add", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "none"}
    assert body["messages"][3:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "On I go."},
                {"type": "tool_use", "id": first, "name": "add", "input": {}},
                {"type": "tool_use", "id": second, "name": "add", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": first},
                {
                    "type": "tool_result",
                    "tool_use_id": second,
                    "content": "There is no result: the call was interrupted.",
                },
                {"type": "text", "text": "Stop!"},
            ],
        },
    ]


@pytest.mark.parametrize("messages", [[], [{"role": "user", "content": " "}], [{"role": "system", "content": "x"}]])
async def test_a_conversation_without_a_word_is_still_one(messages: list[Message]) -> None:
    assert (await sent(messages))["messages"] == [{"role": "user", "content": [{"type": "text", "text": "(empty)"}]}]


async def test_what_the_provider_does_with_tools_of_its_own_is_no_part_of_the_answer() -> None:
    searching = block(0, "server_tool_use", {"type": "input_json_delta", "partial_json": "{}"}, id="s", name="search")
    async with FakeProvider(whole(searching, text(1, "found"))) as provider:
        chunks = await ask(model_at(provider))

    assert [(chunk.content, chunk.tool_calls) for chunk in chunks[:-1] if chunk.usage is None] == [("found", None)]


# What a provider can do wrong; more of it is in the table of faults.


async def test_an_overload_inside_an_answer_is_told_as_one() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    found = await failure_of(Answer([start(), named("error", error=error)]))

    assert (found.kind, found.retryable) == ("overloaded", True)


async def test_an_answer_without_its_stop_is_not_an_answer() -> None:
    cut = Answer([start(), *text(0, "hel"), end("end_turn")[0]])

    assert (await failure_of(cut)).kind == "stream_incomplete"


async def test_pings_are_no_progress() -> None:
    pings = Answer([start(), named("ping")], end="pings")
    assert "no content" in str(await failure_of(pings, timeouts=Timeouts(idle=0.2)))


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ["x"]}},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": 7, "name": "x"}},
        {"type": "message_start"},
        {"no": "type"},
        ["x"],
    ],
)
async def test_an_event_that_is_not_of_the_wire_is_an_error(event: Any) -> None:
    odd = Answer([start(), f"data: {json.dumps(event)}\n\n".encode(), *end("end_turn")])

    assert (await failure_of(odd)).kind == "bad_body"


async def test_a_model_that_is_no_more_is_refused_with_the_name_of_its_successor() -> None:
    body = {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-3-5-sonnet-20240620"}}
    async with FakeProvider(refuses(404, body)) as provider:
        model = AnthropicModel("claude-3-5-sonnet-20240620", "sonnet", api_key=KEY, base_url=provider.base_url)
        with pytest.raises(ModelError, match="claude-sonnet-5-5"):
            await ask(model)

    assert provider.requests[0].body["model"] == "claude-3-5-sonnet-20240620"


async def test_without_a_key_nothing_is_sent_and_the_variable_is_named() -> None:
    with pytest.raises(ModelError, match="ANTHROPIC_API_KEY") as caught:
        await ask(AnthropicModel("claude-sonnet-5-5"))

    assert caught.value.kind == "no_key"


async def test_the_address_and_the_key_may_be_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeProvider(says("x")) as provider:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.base_url.removesuffix("/v1"))
        monkeypatch.setenv("ANTHROPIC_API_KEY", "of-the-environment")
        await ask(AnthropicModel("m"))

    assert provider.requests[0].headers["x-api-key"] == "of-the-environment"
