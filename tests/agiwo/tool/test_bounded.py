import time
from typing import Any

import pytest
from agiwo.errors import ToolError
from agiwo.tool.arguments import ArgumentSchema
from agiwo.tool.bounded import BoundedSchema, TooMuch
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

LONG = "a" * 50_000 + "!"
MULTIPLYING: dict[str, Any] = {
    "$ref": "#/$defs/d0",
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {}},
}


def text_like(pattern: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": {"type": "string", "pattern": pattern}}}


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "a*a*a*a*a*b", "(.*.*)*=", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_pattern_that_backtracks_costs_no_more_than_another(pattern: str) -> None:
    began = time.process_time()
    with pytest.raises(ToolError, match="does not match"):
        ArgumentSchema("tool", text_like(pattern)).check({"x": LONG})
    assert time.process_time() - began < 10


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1b", "(?<!a)!$"])
def test_what_cannot_be_matched_in_bounded_time_is_left_to_who_wrote_it(pattern: str) -> None:
    ArgumentSchema("tool", text_like(pattern)).check({"x": LONG})


def test_a_schema_that_multiplies_with_itself_is_given_up() -> None:
    with pytest.raises(TooMuch):
        BoundedSchema(MULTIPLYING).errors({}, 1)
    with pytest.raises(ToolError, match="nested too deeply to be checked"):
        ArgumentSchema("tool", {"type": "object", **MULTIPLYING}).check({"x": 1})


UNUSABLE: list[dict[str, Any]] = [
    {"type": "object", "$ref": "#"},
    {"type": "object", "properties": {"x": {"$dynamicRef": "#"}}, "$ref": "#"},
    {"type": "object", "properties": {f"p{n}": {"enum": ["x" * 100]} for n in range(4000)}, "not": {}},
    {"type": "object", "properties": {"x": [[]] * 3}},
    {"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:9/x"}}},
    {"type": "object", "properties": None},
    {"type": "object", "properties": [1]},
    {"type": "object", "required": 5},
    text_like("("),
    text_like("[z-a]"),
]


@pytest.mark.parametrize("schema", UNUSABLE)
def test_a_schema_that_cannot_be_used_is_an_error_for_the_model(schema: dict[str, Any]) -> None:
    with pytest.raises(ToolError):
        ArgumentSchema("tool", schema).check({"x": 1})


NAMES = st.sampled_from(["a", "ab", "b", "c1"])
SOME: list[Any] = [{}, {"type": "integer"}, False]
SCHEMAS = st.fixed_dictionaries(
    {},
    optional={
        "properties": st.dictionaries(NAMES, st.sampled_from(SOME), max_size=2),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$", "[0-9]"]), st.sampled_from(SOME)),
        "additionalProperties": st.sampled_from(SOME),
        "items": st.sampled_from([{"type": "integer"}, {"pattern": "^a"}]),
        "uniqueItems": st.booleans(),
        "pattern": st.sampled_from(["^a", "b$", "a+b"]),
    },
)
VALUES = st.one_of(
    st.dictionaries(NAMES, st.sampled_from([1, "x", None])), st.lists(st.sampled_from([1, 2, "a", "b"])), NAMES
)


@given(SCHEMAS, VALUES)
def test_whatever_has_a_bound_says_the_same_as_the_validator_itself(schema: dict[str, Any], value: Any) -> None:
    theirs: Any = Draft202012Validator(schema)
    assert bool(BoundedSchema(schema).errors(value, 1)) != theirs.is_valid(value)
