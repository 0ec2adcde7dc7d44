from typing import Any

import pytest
from agiwo.errors import ToolError
from agiwo.schema.run import TerminationReason
from agiwo.tool import ToolResult


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

    assert "'bored' is not a valid" in ToolResult(termination_reason=unknown).storable().content


def test_a_failed_result_tells_the_model_and_sets_the_error() -> None:
    assert ToolResult.failed("no such city") == ToolResult(
        content="Error: no such city", error="no such city", is_success=False
    )


def test_an_aborted_result_is_no_success() -> None:
    assert ToolResult.aborted("by the user") == ToolResult(
        content="Aborted: by the user", error="by the user", is_success=False
    )
