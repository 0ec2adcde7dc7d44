from typing import Any

import pytest
from agiwo.errors import ToolError
from agiwo.schema.run import TerminationReason
from agiwo.tool import ToolResult
from agiwo.tool.result import MODEL_LIMIT


def test_text_becomes_the_content_as_it_is() -> None:
    assert ToolResult.of('say "hi"') == ToolResult(content='say "hi"')


@pytest.mark.parametrize(
    ("value", "text"), [({"a": [1, 2.5]}, '{"a":[1,2.5]}'), (None, "null"), (True, "true"), (["ü"], '["ü"]')]
)
def test_another_json_value_becomes_json_text_with_the_value_beside_it(value: object, text: str) -> None:
    assert ToolResult.of(value) == ToolResult(content=text, output=value)


def test_a_result_stays_the_result_it_is() -> None:
    result = ToolResult.failed("no")

    assert ToolResult.of(result) is result


@pytest.mark.parametrize("value", [object(), {1: 2}, {1, 2}, 2**70, ["\ud800"]])
def test_a_value_that_is_not_json_is_refused_with_the_reason(value: object) -> None:
    with pytest.raises(ToolError, match="cannot be stored"):
        ToolResult.of(value)


def test_a_result_with_every_field_comes_back_from_its_record() -> None:
    result = ToolResult(
        tool_name="t",
        tool_call_id="c",
        input_args={"a": 1},
        content="text",
        output={"x": [1]},
        start_time=1.5,
        end_time=2.0,
        duration=0.5,
        content_for_user="for you",
        error="e",
        is_success=False,
        termination_reason=TerminationReason.CANCELLED,
    )

    assert result.storable() == result


def test_a_tuple_is_seen_live_as_the_list_that_a_replay_reads() -> None:
    assert ToolResult(output=(1, 2)).storable().output == [1, 2]


def test_an_output_that_cannot_be_stored_leaves_an_error_that_says_so() -> None:
    stored = ToolResult(tool_name="t", tool_call_id="c", content="fine", output=object()).storable()

    assert (stored.tool_name, stored.tool_call_id, stored.is_success) == ("t", "c", False)
    assert stored.content.startswith("Error: the tool's result cannot be stored")
    assert stored.output is None


def test_a_reason_to_end_the_run_that_does_not_exist_is_an_error() -> None:
    unknown: Any = "bored"

    stored = ToolResult(termination_reason=unknown).storable()

    assert "'bored' is not a valid" in stored.content
    assert (stored.is_success, stored.termination_reason) == (False, None)


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("result", "content"),
    [
        (ToolResult(content="a\ud800b"), "a\ufffdb"),
        (ToolResult(content="\ud83d\ude00"), "\U0001f600"),
        (ToolResult.of(float("nan")), '"NaN"'),
        (ToolResult.of({"a": [1.5, float("inf"), None]}), '{"a":[1.5,"Infinity",null]}'),
        (ToolResult(content="x", output=LOOP), "Error: the tool's result cannot be stored: Recursion limit reached"),
        (ToolResult(output=2**64), "Error: the tool's result cannot be stored: Integer exceeds 64-bit range"),
        (ToolResult(output="\ud800"), "Error: the tool's result cannot be stored: str is not valid UTF-8"),
        (ToolResult(input_args={"a": object()}), "Error: the tool's result cannot be stored: Type is not JSON"),
    ],
)
def test_what_a_record_cannot_hold_becomes_text_or_an_error(result: ToolResult, content: str) -> None:
    stored = result.storable()

    assert stored.content.startswith(content)
    assert stored.storable() == stored


def test_numbers_that_json_has_no_word_for_are_words_in_the_output() -> None:
    assert ToolResult(output={"a": (float("nan"), -float("inf"))}).storable().output == {"a": ["NaN", "-Infinity"]}


def test_fields_of_the_wrong_type_are_text_and_truth_values_in_the_end() -> None:
    careless: Any = {"content": 5, "content_for_user": ["a"], "error": {"b": 1}, "is_success": 0}

    stored = ToolResult(**careless).storable()
    assert (stored.content, stored.content_for_user, stored.error) == ("5", '["a"]', '{"b":1}')
    assert stored.is_success is False


def test_a_model_is_sent_both_ends_of_what_is_too_long_for_it() -> None:
    long = ToolResult(content="a" * 500_000 + "b" * 500_000)

    assert long.for_model(8) == "aaaaaa\n[… 999,992 of 1,000,000 characters left out …]\nbb"
    assert len(long.for_model()) < MODEL_LIMIT + 100
    assert ToolResult(content="short").for_model() == "short"


def test_a_failed_result_tells_the_model_and_sets_the_error() -> None:
    assert ToolResult.failed("no such city") == ToolResult(
        content="Error: no such city", error="no such city", is_success=False
    )


def test_an_aborted_result_is_no_success() -> None:
    assert ToolResult.aborted("by the user") == ToolResult(
        content="Aborted: by the user", error="by the user", is_success=False
    )
