"""The chat completions wire, against a provider on a real socket."""

import asyncio
import gzip
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from agiwo import Agent
from agiwo.config import AgiwoSettings, use_settings
from agiwo.errors import ConfigError, ModelError
from agiwo.llm.base import Timeouts
from agiwo.llm.openai import OpenAIModel
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import Usage
from agiwo.testing import RecordingTool
from fake_provider import DONE, FINISH, START, Answer, FakeProvider, delta, event, refuses, says, usage

pytestmark = pytest.mark.anyio

KEY = "sk-a-secret-that-must-not-be-told"
HELLO = [{"role": "user", "content": "hello"}]
PATIENT = Timeouts(connect=60, first_byte=60, idle=60, total=60)
SILENT = replace(PATIENT, first_byte=0.2)
STALLED = replace(PATIENT, idle=0.2)


@pytest.fixture(autouse=True)
def only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AGIWO_OPENAI_API_KEY", "AGIWO_OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    use_settings(None)


def model_at(provider: FakeProvider, **options: Any) -> OpenAIModel:
    given: dict[str, Any] = {"api_key": KEY, "base_url": provider.base_url, "timeouts": PATIENT, **options}
    return OpenAIModel("some-model", **given)


async def chunks_of(model: OpenAIModel, tools: list[dict[str, Any]] | None = None) -> list[StreamChunk]:
    return [chunk async for chunk in model.arun_stream(HELLO, tools)]


async def failure_of(model: OpenAIModel) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await chunks_of(model)
    assert KEY not in str(caught.value)
    assert len(str(caught.value)) < 2400
    return caught.value


async def test_an_answer_comes_in_the_pieces_in_which_it_was_sent() -> None:
    async with FakeProvider(says("hel", "lo")) as provider:
        chunks = await chunks_of(model_at(provider))

    assert chunks == [
        StreamChunk(content="hel"),
        StreamChunk(content="lo"),
        StreamChunk(finish_reason="stop"),
        StreamChunk(usage=Usage(7, 2)),
    ]


async def test_a_request_is_a_streaming_chat_completion_with_usage_and_the_key() -> None:
    tools: list[dict[str, Any]] = [{"type": "function", "function": {"name": "add"}}]
    async with FakeProvider(says("x")) as provider:
        await chunks_of(model_at(provider, presence_penalty=0.5), tools)

    (request,) = provider.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "some-model",
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.7,
        "top_p": 1.0,
        "max_tokens": 4096,
        "presence_penalty": 0.5,
        "tools": tools,
    }


async def test_a_parameter_that_is_none_is_not_sent() -> None:
    async with FakeProvider(says("x")) as provider:
        await chunks_of(model_at(provider, temperature=None, top_p=None, max_tokens=None))

    assert not {"temperature", "top_p", "max_tokens"} & set(provider.requests[0].body)


async def test_reasoning_is_told_apart_from_the_answer() -> None:
    answer = Answer([delta(reasoning_content="hm"), delta(reasoning="so"), delta(content="yes"), FINISH, DONE])
    async with FakeProvider(answer) as provider:
        chunks = await chunks_of(model_at(provider))

    told = [(chunk.reasoning_content, chunk.content) for chunk in chunks]
    assert told == [("hm", None), ("so", None), (None, "yes"), (None, None)]


def called(**function: Any) -> bytes:
    return delta(tool_calls=[{"index": 0, "id": 7, "function": {"name": "add", **function}}])


async def test_arguments_that_a_server_gives_as_an_object_and_ids_as_numbers_are_taken_as_text() -> None:
    add = RecordingTool(name="add")
    first = Answer([called(arguments={"a": 1}), delta("tool_calls"), DONE])
    async with FakeProvider(first, says("done")) as provider:
        agent = Agent("agent", "", model_at(provider), [add])
        output = await agent.run("go")
        await agent.close()

    assert output.response == "done"
    _, asked, given = provider.requests[1].body["messages"]
    assert asked["tool_calls"][0]["function"]["arguments"] == '{"a":1}'
    assert (asked["tool_calls"][0]["id"], given["tool_call_id"]) == ("7", "7")


async def test_a_call_that_is_none_is_a_body_that_cannot_be_used() -> None:
    async with FakeProvider(Answer([delta(tool_calls=[{"index": 0, "function": "add"}]), FINISH, DONE])) as provider:
        with pytest.raises(ModelError) as failed:
            await chunks_of(model_at(provider))

    assert failed.value.kind == "bad_body"


@pytest.mark.parametrize(("told", "counted"), [(-5, 0), (10**300, 10**9), ("7", 7), (None, 0), (1.5, 1)])
async def test_tokens_that_cannot_be_are_not_counted_with(told: Any, counted: int) -> None:
    tokens = event({"choices": [], "usage": {"prompt_tokens": told, "completion_tokens": 2}})
    async with FakeProvider(Answer([delta(content="x"), FINISH, tokens, DONE])) as provider:
        chunks = await chunks_of(model_at(provider))

    assert chunks[-1].usage == Usage(counted, 2)


async def test_a_refusal_is_what_the_model_says_and_why_it_ended() -> None:
    answer = Answer([START, delta(refusal="I can"), delta(content=None, refusal="not."), FINISH, DONE])
    async with FakeProvider(answer) as provider:
        chunks = await chunks_of(model_at(provider))

    assert chunks == [
        StreamChunk(content="I can"),
        StreamChunk(content="not."),
        StreamChunk(finish_reason="content_filter"),
    ]


async def test_an_object_that_is_refused_is_not_asked_for_again() -> None:
    refusal = Answer([START, delta(refusal="I cannot help with that."), FINISH, DONE])
    async with FakeProvider(refusal, says('{"city": "Paris"}')) as provider:
        agent = Agent("agent", "", model_at(provider), [])
        output = await agent.run("Where?", output_type={"type": "object", "properties": {"city": {"type": "string"}}})
        await agent.close()

    assert output.error
    assert output.error["message"].endswith("(content_filter): I cannot help with that.")
    assert (output.response, output.output, len(provider.requests)) == ("I cannot help with that.", None, 1)


async def test_tool_calls_come_as_fragments_that_name_their_index() -> None:
    fragments = [
        {"index": 0, "id": "call_a", "type": "function", "function": {"name": "add", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a"'}},
        {"index": 1, "id": "call_b", "type": "function", "function": {"name": "add", "arguments": ""}},
        {"index": 0, "function": {"arguments": ": 1}"}},
    ]
    answer = Answer([START, *(delta(tool_calls=[each]) for each in fragments), delta("tool_calls"), DONE])
    async with FakeProvider(answer) as provider:
        chunks = await chunks_of(model_at(provider))

    assert [call for chunk in chunks for call in chunk.tool_calls or ()] == fragments
    assert chunks[-1].finish_reason == "tool_calls"


async def test_tool_calls_that_come_without_an_index_get_one() -> None:
    whole = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    async with FakeProvider(Answer([delta("tool_calls", tool_calls=whole), DONE])) as provider:
        (chunk,) = await chunks_of(model_at(provider))

    assert [call["index"] for call in chunk.tool_calls or ()] == [0, 1]


async def test_usage_tells_cached_and_reasoning_tokens() -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    async with FakeProvider(Answer([FINISH, usage(100, 10, **details), DONE])) as provider:
        chunks = await chunks_of(model_at(provider))

    assert chunks[-1].usage == Usage(100, 10, 64, 5, cache_write_tokens=3)


async def test_requests_one_after_the_other_share_a_connection() -> None:
    async with FakeProvider(says("x")) as provider:
        for _ in range(3):
            await chunks_of(model_at(provider))

    assert provider.connections == 1


async def test_many_events_in_one_read_are_all_told() -> None:
    whole = b"".join([START, delta(content="a"), b": ping\n\n", delta(content="b"), FINISH, DONE])
    async with FakeProvider(Answer([whole[:50], whole[50:]])) as provider:
        chunks = await chunks_of(model_at(provider))

    assert [chunk.content for chunk in chunks] == ["a", "b", None]


async def test_an_end_without_done_is_fine_after_the_finish_marker() -> None:
    async with FakeProvider(Answer([delta(content="x"), FINISH])) as provider:
        assert len(await chunks_of(model_at(provider))) == 2


async def test_a_provider_that_keeps_the_transfer_open_after_done_holds_nobody() -> None:
    async with FakeProvider(Answer([delta(content="x"), FINISH, DONE], end="stalls")) as provider:
        assert len(await chunks_of(model_at(provider))) == 2


# What a provider can do wrong.


async def test_a_refusal_is_told_even_when_its_body_is_cut() -> None:
    cut = replace(refuses(429, {"error": {"message": "slow down"}}), end="cut")
    async with FakeProvider(cut) as provider:
        assert (await failure_of(model_at(provider))).kind == "rate_limited"


async def test_an_answer_may_be_compressed() -> None:
    squeezed = gzip.compress(delta(content="hello") + FINISH + DONE)
    async with FakeProvider(Answer([squeezed], headers={"content-encoding": "gzip"})) as provider:
        chunks = await chunks_of(model_at(provider))

    assert [chunk.content for chunk in chunks] == ["hello", None]


async def test_too_many_requests_tell_when_to_come_back() -> None:
    async with FakeProvider(refuses(429, {"error": {"message": "slow down"}}, retry_after="7")) as provider:
        error = await failure_of(model_at(provider))

    assert (error.kind, error.status, error.retry_after, error.retryable) == ("rate_limited", 429, 7.0, True)
    assert "slow down" in str(error)


async def test_retry_after_may_be_a_date() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    async with FakeProvider(refuses(503, "busy", retry_after=when)) as provider:
        error = await failure_of(model_at(provider))

    assert error.kind == "overloaded"
    assert error.retry_after == pytest.approx(100, abs=5)


async def test_a_used_up_quota_is_not_worth_another_try() -> None:
    body = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    async with FakeProvider(refuses(429, body)) as provider:
        assert not (await failure_of(model_at(provider))).retryable


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "bad_request", False),
        (401, "auth", False),
        (403, "auth", False),
        (404, "not_found", False),
        (422, "bad_request", False),
        (500, "server_error", True),
        (502, "server_error", True),
        (503, "overloaded", True),
        (529, "overloaded", True),
        (307, "bad_request", False),
    ],
)
async def test_a_refusal_says_what_it_means(status: int, kind: str, retryable: bool) -> None:
    async with FakeProvider(refuses(status, {"error": {"message": "no"}})) as provider:
        error = await failure_of(model_at(provider))

    assert (error.kind, error.status, error.retryable) == (kind, status, retryable)


@pytest.mark.parametrize(
    "said",
    [
        {"code": "context_length_exceeded", "message": "too much"},
        {"code": 400, "type": "exceed_context_size_error", "message": "the request exceeds the available size"},
        {"message": "This model's maximum context length is 8192 tokens."},
    ],
)
async def test_a_prompt_that_does_not_fit_is_its_own_kind_of_error(said: dict[str, Any]) -> None:
    async with FakeProvider(refuses(400, {"error": said})) as provider:
        assert (await failure_of(model_at(provider))).kind == "context_length"


async def test_a_key_that_a_provider_repeats_is_not_told_on() -> None:
    said = f"Incorrect API key provided: {KEY}. " + "x" * 10_000
    async with FakeProvider(refuses(401, {"error": {"message": said}})) as provider:
        assert "[redacted]" in str(await failure_of(model_at(provider)))


async def test_a_page_of_html_is_not_an_answer() -> None:
    async with FakeProvider(refuses(200, f"<html>Log in, {KEY}</html>")) as provider:
        error = await failure_of(model_at(provider))

    assert error.kind == "bad_body"
    assert "<html>Log in" in str(error)


async def test_an_answer_without_any_event_is_not_an_answer() -> None:
    async with FakeProvider(Answer([b"hello there"], content_type="text/plain")) as provider:
        assert (await failure_of(model_at(provider))).kind == "bad_body"


@pytest.mark.parametrize(
    "data",
    [
        '{"choices": [',
        '"text"',
        '{"choices": 7}',
        '{"choices": [{"delta": "x"}]}',
        '{"choices": [{"delta": {"content": ["x"]}}]}',
        '{"choices": [{"delta": {"tool_calls": ["x"]}}]}',
        '{"choices": [{"delta": {}, "finish_reason": 7}]}',
        '{"choices": [], "usage": {"prompt_tokens": "many"}}',
    ],
)
async def test_an_event_that_is_no_chunk_is_an_error(data: str) -> None:
    async with FakeProvider(Answer([START, event(data), FINISH, DONE])) as provider:
        assert (await failure_of(model_at(provider))).kind == "bad_body"


async def test_a_cut_stream_is_an_error_and_not_an_answer() -> None:
    half = delta(content="never whole")[:20]
    async with FakeProvider(Answer([START, delta(content="hel"), half], end="cut")) as provider:
        assert (await failure_of(model_at(provider))).kind == "connection"


async def test_a_cut_after_the_finish_marker_but_before_the_end_is_an_error() -> None:
    async with FakeProvider(Answer([START, FINISH], end="cut")) as provider:
        assert (await failure_of(model_at(provider))).kind == "connection"


async def test_a_clean_end_without_the_finish_marker_is_an_error_and_not_an_answer() -> None:
    async with FakeProvider(Answer([START, delta(content="hel")]), Answer([delta(content="x"), DONE])) as provider:
        assert (await failure_of(model_at(provider))).kind == "stream_incomplete"
        assert (await failure_of(model_at(provider))).kind == "stream_incomplete"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "server_is_overloaded", "message": "later"}, "overloaded"),
        ({"type": "overloaded_error", "message": "later"}, "overloaded"),
        ({"code": 429, "message": "later"}, "rate_limited"),
        ({"code": "context_length_exceeded", "message": "later"}, "context_length"),
        ({"message": "later"}, "server_error"),
        ("later", "server_error"),
    ],
)
async def test_an_error_inside_a_stream_fails_by_its_own_code(error: Any, kind: str) -> None:
    async with FakeProvider(Answer([START, delta(content="hel"), event({"error": error}), DONE])) as provider:
        found = await failure_of(model_at(provider))

    assert found.kind == kind
    assert "later" in str(found)


async def test_an_error_in_json_with_status_200_fails_by_its_own_code() -> None:
    async with FakeProvider(refuses(200, {"error": {"code": 503, "message": "busy"}})) as provider:
        assert (await failure_of(model_at(provider))).kind == "overloaded"


async def test_a_provider_that_stalls_runs_into_the_idle_limit() -> None:
    async with FakeProvider(Answer([START, delta(content="hel")], end="stalls")) as provider:
        error = await failure_of(model_at(provider, timeouts=STALLED))

    assert error.kind == "timeout"
    assert "no content for 0.2 s" in str(error)


async def test_pings_are_no_progress() -> None:
    async with FakeProvider(Answer([START, delta(content="hel")], end="pings")) as provider:
        assert "no content for 0.2 s" in str(await failure_of(model_at(provider, timeouts=STALLED)))


async def test_a_long_answer_runs_into_the_total_limit() -> None:
    limits = replace(PATIENT, total=0.2)
    async with FakeProvider(Answer([START, delta(content="hel")], end="pings")) as provider:
        assert "the whole took more than 0.2 s" in str(await failure_of(model_at(provider, timeouts=limits)))


async def test_a_provider_that_accepts_and_says_nothing_runs_into_the_first_byte_limit() -> None:
    silent = list[asyncio.StreamWriter]()
    async with await asyncio.start_server(lambda _, writer: silent.append(writer), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await failure_of(OpenAIModel("m", api_key=KEY, base_url=f"http://127.0.0.1:{port}/v1", timeouts=SILENT))
        for writer in silent:
            writer.close()

    assert (error.kind, str(error)) == ("timeout", f"127.0.0.1:{port}: no answer within 0.2 s")


async def test_a_slow_reader_is_not_taken_for_a_slow_provider() -> None:
    finish = asyncio.Event()
    async with (
        FakeProvider(says("hel", "lo")) as provider,
        aclosing(model_at(provider, timeouts=STALLED).arun_stream(HELLO)) as answer,
    ):
        await anext(answer)
        asyncio.get_running_loop().call_later(3 * STALLED.idle, finish.set)
        await finish.wait()
        rest = [chunk.content async for chunk in answer]

    assert rest == ["lo", None, None]


async def test_a_server_that_is_not_there_is_a_failed_connection() -> None:
    async with FakeProvider(says("x")) as provider:
        gone = model_at(provider)

    assert (await failure_of(gone)).kind == "connection"


@pytest.mark.parametrize("address", ["localhost:1234/v1", "ftp://somewhere/v1", "http://", "http://[::1/v1"])
async def test_an_address_that_is_none_is_not_worth_another_try(address: str) -> None:
    error = await failure_of(OpenAIModel("m", api_key=KEY, base_url=address))

    assert (error.kind, error.retryable) == ("bad_request", False)


async def test_a_password_in_the_address_is_not_told() -> None:
    async with FakeProvider(refuses(500, "no")) as provider:
        address = provider.base_url.replace("//", "//user:hidden@")
        assert "hidden" not in str(await failure_of(model_at(provider, base_url=address)))


# Images and files.


async def test_images_and_files_go_as_the_wire_wants_them() -> None:
    parts = [
        {"type": "text", "text": "Look:"},
        {"type": "image", "url": "https://example.org/cat.png"},
        {"type": "image", "data": "iVBORw0KGgo="},
        {"type": "image_url", "image_url": {"url": "https://example.org/dog.png", "detail": "low"}},
        {"type": "file", "data": "JVBERi0=", "mimeType": "application/pdf", "name": "paper.pdf"},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,aGVsbG8="}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]
    async with FakeProvider(says("x")) as provider:
        stream = model_at(provider).arun_stream([{"role": "user", "content": parts}])
        _ = [chunk async for chunk in stream]

    assert provider.requests[0].body["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "image_url", "image_url": {"url": "https://example.org/dog.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "paper.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "text", "text": "hello"},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]


async def test_thoughts_are_not_sent_to_servers_that_may_not_know_what_they_are() -> None:
    answer = {"role": "assistant", "content": "x", "reasoning_content": "hm", "reasoning_signature": "s"}
    async with FakeProvider(says("x")) as provider:
        _ = [chunk async for chunk in model_at(provider).arun_stream([*HELLO, answer, *HELLO])]

    assert provider.requests[0].body["messages"] == [*HELLO, {"role": "assistant", "content": "x"}, *HELLO]


# Leaving early.


async def test_cancelling_ends_the_request() -> None:
    async with FakeProvider(Answer([START, delta(content="hel")], end="stalls")) as provider:
        reading = asyncio.ensure_future(chunks_of(model_at(provider, timeouts=Timeouts())))
        await asyncio.wait_for(provider.was_asked.wait(), 60)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

        await asyncio.wait_for(provider.was_left.wait(), 60)


async def test_closing_the_iterator_ends_the_request() -> None:
    async with FakeProvider(Answer([START, delta(content="hel")], end="stalls")) as provider:
        answer = model_at(provider, timeouts=Timeouts()).arun_stream(HELLO)
        await anext(answer)
        await answer.aclose()

        await asyncio.wait_for(provider.was_left.wait(), 60)


async def test_a_cancel_is_not_taken_for_a_timeout() -> None:
    async with FakeProvider(Answer([START], end="stalls")) as provider:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await chunks_of(model_at(provider))


PROGRAM = """
import asyncio, sys
from agiwo.llm.openai import OpenAIModel

async def ask():
    async for _ in model.arun_stream([{"role": "user", "content": "hello"}]):
        pass

model = OpenAIModel("m", api_key="none", base_url=sys.argv[1])
for _ in range(2):
    asyncio.run(ask())
"""


async def test_a_program_that_never_says_goodbye_leaves_without_a_warning() -> None:
    async with FakeProvider(says("x")) as provider:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, provider.base_url]
        program = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
        _, said = await program.communicate()

    assert (program.returncode, b"Warning" in said) == (0, False)


# Keys and addresses.


async def test_without_a_key_nothing_is_sent_and_the_variable_is_named() -> None:
    error = await failure_of(OpenAIModel("gpt-4o-mini"))

    assert (error.kind, error.retryable) == ("no_key", False)
    assert "OPENAI_API_KEY" in str(error)


async def test_a_given_address_needs_no_key_and_gets_no_authorization() -> None:
    async with FakeProvider(says("x")) as provider:
        await chunks_of(model_at(provider, api_key=None))

    assert "authorization" not in provider.requests[0].headers


async def test_the_key_is_the_constructors_then_the_settings_then_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-environment")
    async with FakeProvider(says("x")) as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
        await chunks_of(OpenAIModel("m"))
        monkeypatch.setenv("AGIWO_OPENAI_API_KEY", "of-our-own-variable")
        await chunks_of(OpenAIModel("m"))
        use_settings(AgiwoSettings(openai_api_key="of-the-settings"))  # pyright: ignore[reportArgumentType] - as users do
        await chunks_of(OpenAIModel("m"))
        await chunks_of(OpenAIModel("m", api_key="of-the-constructor"))

    sent = [request.headers["authorization"].removeprefix("Bearer of-") for request in provider.requests]
    assert sent == ["the-environment", "our-own-variable", "the-settings", "the-constructor"]


async def test_a_key_that_nobody_meant_for_an_address_is_not_sent_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-openai")
    async with FakeProvider(says("x"), refuses(401, {"error": {"message": "who are you?"}})) as provider:
        await chunks_of(model_at(provider, api_key=None))
        error = await failure_of(model_at(provider, api_key=None))

    assert [request.headers.get("authorization") for request in provider.requests] == [None, None]
    assert "no key was sent" in str(error)


async def test_the_address_of_the_settings_gets_the_key_of_the_settings_also_when_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-a-gateway")
    async with FakeProvider(says("x")) as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
        await chunks_of(model_at(provider, api_key=None))

    assert provider.requests[0].headers["authorization"] == "Bearer of-a-gateway"


async def test_the_vendor_itself_is_not_asked_without_a_key() -> None:
    error = await failure_of(OpenAIModel("m", base_url="https://api.openai.com/v1/"))

    assert error.kind == "no_key"


@pytest.mark.parametrize("key", ["sk-with\na-break", "sk-wïth-an-accent"])
async def test_a_key_that_no_header_can_carry_is_refused_without_being_told(key: str) -> None:
    with pytest.raises(ModelError) as caught:
        await chunks_of(OpenAIModel("m", api_key=key))

    assert caught.value.kind == "auth"
    assert key not in str(caught.value)


async def test_what_cannot_be_written_as_json_is_a_bad_request() -> None:
    async with FakeProvider(says("x")) as provider:
        with pytest.raises(ModelError) as caught:
            await anext(model_at(provider).arun_stream([{"role": "user", "content": "\ud800"}]))

    assert caught.value.kind == "bad_request"
    assert provider.requests == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"id": ""}, "a model takes as its id an object of str, and not ''"),
        ({"id": "m", "timeouts": {"connect": 1}}, "a model takes as its timeouts an object of Timeouts, and not {"),
    ],
)
def test_what_a_model_cannot_be_made_of_is_refused_in_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        OpenAIModel(**given)

    assert said in str(refused.value)


def test_a_model_does_not_show_its_key() -> None:
    assert KEY not in repr(OpenAIModel("m", api_key=KEY))
