"""The quick look at arguments, held against the validator whose place it takes."""

import subprocess
import sys
from typing import Any

import pytest
from agiwo.tool.plain import PlainSchema
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, 0.5, -1.5])
    | st.sampled_from(["", "a", "bc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["boolean", "integer", "number", "string", "array", "object", "null", "strnig", ["string"], 5])


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = {
        "title": st.sampled_from(["t", 5]),
        "default": VALUES,
        "enum": VALUES,
        "pattern": st.sampled_from(["^a", "b", "(", 5]),
        "minItems": st.sampled_from([0, 1, 2, -1, 1.5]),
        "exclusiveMinimum": st.sampled_from([0, -0.5, True, "a"]),
        "minLength": st.just(1),
        "required": st.lists(NAMES, max_size=2) | st.just("a"),
        "additionalProperties": st.booleans() | inner,
        "items": inner,
        "properties": st.dictionaries(NAMES, inner, max_size=3) | st.just(5),
    }
    return st.fixed_dictionaries({"type": TYPES}, optional=members)


SCHEMAS = st.recursive(st.sampled_from([{}, True, 5, {"type": "string"}, {"type": "integer"}]), schemas, max_leaves=5)


validator: Any = Draft202012Validator


@given(SCHEMAS, VALUES)
def test_what_plainly_fits_is_what_the_validator_takes_and_whole_schemas_are_right_ones(
    schema: Any, value: Any
) -> None:
    plain = PlainSchema(schema)
    try:
        validator.check_schema(schema)
    except (SchemaError, TypeError, AttributeError):
        assert not plain.is_whole
        return
    if plain.fits(value):
        assert validator(schema).is_valid(value)


SPAWN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "task": {"type": "string", "description": "What to do."},
        "kind": {"type": "string", "enum": ["all", "any"]},
        "id": {"type": "string", "pattern": "^[a-z]+$"},
        "ids": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "seconds": {"type": "number", "exclusiveMinimum": 0},
    },
    "required": ["task"],
}


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"task": "x"}, True),
        ({"task": "x", "kind": "any", "id": "abc", "ids": ["a"], "seconds": 5, "more": None}, True),
        ({}, False),
        ({"task": 5}, False),
        ({"task": "x", "kind": "some"}, False),
        ({"task": "x", "id": "ABC"}, False),
        ({"task": "x", "ids": []}, False),
        ({"task": "x", "ids": [1]}, False),
        ({"task": "x", "seconds": 0}, False),
        ({"task": "x", "seconds": True}, False),
    ],
)
def test_names_types_and_bounds_are_looked_at(value: Any, fits: bool) -> None:
    plain = PlainSchema(SPAWN)
    assert (plain.is_whole, plain.fits(value)) == (True, fits)


def test_no_validator_is_loaded_for_a_call_that_plainly_fits() -> None:
    program = f"""
import sys
from agiwo.tool.arguments import ArgumentSchema
ArgumentSchema("spawn", {SPAWN!r}).check({{"task": "x"}})
print("jsonschema" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
