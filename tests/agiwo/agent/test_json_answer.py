"""JSON in what a model says, whole and while it grows."""

import json
import time
from typing import Any

import pytest
from agiwo.agent.json_answer import PartialJson, read_json


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('{"a": 1}', "object", {"a": 1}),
        ('Sure!\n```json\n{"a": 1}\n```\nAnything else?', "object", {"a": 1}),
        ('```\n{"a": 0}\n```\nor better\n```\n{"a": 1}\n```', "object", {"a": 1}),
        ('The answer is {"a": {"b": 1}}.', "object", {"a": {"b": 1}}),
        ("They are [1, 2].", "array", [1, 2]),
        ('<think>Is it {"a": 2}?</think>\n{"a": 1}', "object", {"a": 1}),
        ('<think>Is it {"a": 2}?</think>\n```json\n{"a": 1}\n```', "object", {"a": 1}),
        ('"yes"', "string", "yes"),
        (" Yes, it is. ", "string", "Yes, it is."),
        ("42", None, 42),
        ("null", "null", None),
    ],
)
def test_a_value_is_found_where_models_put_it(text: str, kind: str | None, value: Any) -> None:
    assert read_json(text, kind) == value


@pytest.mark.parametrize(
    "text", ["", "no", "{", "}{", '{"a": 1', "{'a': 1}", "```json\n{\n```", "[" * 150 + "]" * 150, "9" * 30]
)
def test_what_is_no_value_is_an_error_and_not_a_guess(text: str) -> None:
    with pytest.raises(ValueError, match="it is"):
        read_json(text, "object")


@pytest.mark.parametrize("text", ["", '"cut off', '```json\n"cut off\n```'])
def test_text_that_was_begun_as_json_is_taken_for_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match="it is"):
        read_json(text, "string")


def grown(pieces: list[str], kind: str = "object") -> list[Any]:
    partial = PartialJson(kind)
    return [value for piece in pieces if (value := partial.feed(piece)) is not None]


def test_half_a_word_is_shown_and_half_a_number_is_not() -> None:
    assert grown(list('{"a": "bc", "d": 123}')) == [{"a": ""}, {"a": "b"}, {"a": "bc"}, {"a": "bc", "d": 123}]


def test_words_and_fences_before_a_value_are_no_part_of_it() -> None:
    assert grown(["Here", ' it is:\n```json\n{"a": [1', ", 2]}\n```"]) == [{"a": []}, {"a": [1, 2]}]


def test_what_is_no_json_is_never_shown() -> None:
    assert grown(list("I do not know {yet}. \\u00 \x00")) == []


def test_a_long_answer_costs_its_length_and_not_its_square() -> None:
    def seconds(rows: int) -> float:
        text = json.dumps({"rows": [{"name": f"row {number}", "of": rows} for number in range(rows)]})
        began = time.process_time()
        values = grown([text[at : at + 8] for at in range(0, len(text), 8)])
        assert len(values) < 250
        return time.process_time() - began

    short, long = min(seconds(1000) for _ in range(3)), min(seconds(8000) for _ in range(2))
    assert long < 24 * short  # 64 would be its square
