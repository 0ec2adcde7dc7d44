"""The scripted model: what it says, and where in its script it is."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from agiwo.errors import ModelError
from agiwo.llm.base import turn_of_run
from agiwo.llm.scripted import ScriptedModel, not_a_model
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import Usage

pytestmark = pytest.mark.anyio

HELLO = {"role": "user", "content": "hello"}
ANSWERED = {"role": "assistant", "content": "an answer"}


async def said_by(model: ScriptedModel, messages: Sequence[Mapping[str, Any]] = (HELLO,)) -> list[StreamChunk]:
    return [chunk async for chunk in model.arun_stream(messages)]


async def text_of(model: ScriptedModel, messages: Sequence[Mapping[str, Any]] = (HELLO,)) -> str:
    return "".join(chunk.content or "" for chunk in await said_by(model, messages))


async def failure_of(model: ScriptedModel, messages: Sequence[Mapping[str, Any]] = (HELLO,)) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await said_by(model, messages)
    return caught.value


async def test_a_text_comes_in_as_many_pieces_as_the_turn_says() -> None:
    chunks = await said_by(ScriptedModel(turns=[{"text": "hello world", "deltas": 5, "delayMs": 1}]))

    assert [chunk.content for chunk in chunks] == ["he", "ll", "o ", "wo", "rld", None]
    assert chunks[-1] == StreamChunk(finish_reason="stop")


@pytest.mark.parametrize("deltas", [1, 2, 3, 100])
async def test_the_pieces_joined_are_the_text(deltas: int) -> None:
    assert await text_of(ScriptedModel(turns=[{"text": "für Elise", "deltas": deltas}])) == "für Elise"


async def test_a_turn_may_think_call_tools_and_count_tokens() -> None:
    call = {"name": "calculator", "arguments": {"expression": "6*7"}}
    turn = {"reasoning": "hm", "toolCalls": [call], "usage": {"inputTokens": 3, "outputTokens": 4}}

    chunks = await said_by(ScriptedModel(turns=[turn]))

    function = {"name": "calculator", "arguments": '{"expression":"6*7"}'}
    assert chunks == [
        StreamChunk(reasoning_content="hm"),
        StreamChunk(tool_calls=[{"index": 0, "id": "call_0_0", "type": "function", "function": function}]),
        StreamChunk(usage=Usage(3, 4), finish_reason="tool_calls"),
    ]


async def test_arguments_that_are_text_are_sent_as_they_are() -> None:
    chunks = await said_by(ScriptedModel(turns=[{"toolCalls": [{"name": "f", "arguments": "{broken", "id": "mine"}]}]))

    assert [(call["id"], call["function"]["arguments"]) for call in chunks[0].tool_calls or ()] == [("mine", "{broken")]


async def test_the_position_follows_from_the_answers_in_the_request() -> None:
    model = ScriptedModel(turns=[{"text": "first"}, {"text": "second"}])

    assert await text_of(model, [HELLO, ANSWERED]) == "second"
    assert await text_of(model, [HELLO]) == "first"


async def test_a_caller_that_knows_the_turn_is_believed() -> None:
    model = ScriptedModel(turns=[{"text": "first"}, {"text": "second"}])

    token = turn_of_run.set(0)
    try:
        assert await text_of(model, [HELLO, ANSWERED, HELLO]) == "first"
    finally:
        turn_of_run.reset(token)


async def test_a_request_past_the_last_turn_is_an_error() -> None:
    error = await failure_of(ScriptedModel(turns=[{"text": "only"}]), [HELLO, ANSWERED])

    assert (error.kind, error.retryable) == ("script", False)
    assert "has 1 turns, and this is request 2" in str(error)


async def test_a_repeated_script_starts_over() -> None:
    model = ScriptedModel(turns=[{"text": "tick"}, {"text": "tock"}], repeat=True)

    assert await text_of(model, [HELLO, ANSWERED, ANSWERED]) == "tick"


async def test_a_turn_may_fail_after_it_has_said_something() -> None:
    model = ScriptedModel(turns=[{"text": "hel", "error": {"kind": "overloaded", "message": "busy", "retryAfter": 2}}])
    answer = model.arun_stream([HELLO])

    assert (await anext(answer)).content == "hel"
    with pytest.raises(ModelError, match="busy") as caught:
        await anext(answer)
    assert (caught.value.kind, caught.value.retry_after) == ("overloaded", 2)


async def test_an_error_in_words_is_not_worth_another_try() -> None:
    error = await failure_of(ScriptedModel(turns=[{"error": "no"}]))

    assert (str(error), error.retryable) == ("no", False)


async def test_requests_are_kept_for_whoever_tests() -> None:
    model = ScriptedModel(turns=[{"text": "x"}])
    tools = [{"type": "function", "function": {"name": "add"}}]

    _ = [chunk async for chunk in model.arun_stream([HELLO], tools)]

    (request,) = model.requests
    assert (list(request.messages), list(request.tools), request.turn) == ([HELLO], tools, 0)


async def test_a_script_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    file.write_text(json.dumps({"turns": [{"text": "of a file"}], "repeat": True}))

    model = ScriptedModel.named(str(file))

    assert await text_of(model, [HELLO, ANSWERED]) == "of a file"


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"turns": 7}', '{"turns": ["text"]}', '{"turns": [{"toolCalls": [{}]}]}']
)
async def test_a_script_that_is_none_is_an_error_that_says_so(tmp_path: Path, content: str) -> None:
    file = tmp_path / "script.json"
    file.write_text(content)

    assert (await failure_of(ScriptedModel.named(str(file)))).kind == "script"


async def test_a_script_that_is_missing_is_an_error_that_names_the_file() -> None:
    error = await failure_of(ScriptedModel.named("nowhere.json"))

    assert error.kind == "script"
    assert "nowhere.json" in str(error)


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/full", "/", "\0", "~nobody/script.json", "x" * 300, "pipe"])
async def test_a_script_that_is_no_file_is_an_error_and_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    error = await failure_of(ScriptedModel.named(place))

    assert error.kind == "script"
    assert "cannot be read" in str(error)


@pytest.mark.parametrize("turn", [{"error": {"kind": "no such kind"}}, {"text": 7}, {"delayMs": "long"}])
async def test_a_turn_that_is_wrong_is_an_error_that_counts_it(turn: dict[str, Any]) -> None:
    error = await failure_of(ScriptedModel(turns=[turn]))

    assert error.kind == "script"
    assert "turn 1" in str(error)


async def test_the_model_of_a_machine_without_models_says_so_with_every_answer() -> None:
    for messages in ([HELLO], [HELLO, ANSWERED, HELLO]):
        assert "not a language model" in await text_of(not_a_model(), messages)
