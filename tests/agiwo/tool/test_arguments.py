import contextlib
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from agiwo.errors import ToolError
from agiwo.tool.arguments import ArgumentSchema, canonical, parse_arguments
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}

WEATHER = ArgumentSchema("weather", SCHEMA)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("raw", ["", "  \n", None, {}, "{}"])
def test_no_arguments_are_an_empty_object(raw: str | Mapping[str, Any] | None) -> None:
    assert parse_arguments(raw) == {}


def test_an_object_is_taken_as_it_is() -> None:
    assert parse_arguments({"city": "Bonn"}) == parse_arguments('{"city": "Bonn"}') == {"city": "Bonn"}


BROKEN = [
    '{"city": ',
    "{'city': ",
    "city=Bonn",
    "{} {}",
    '{"x": NaN}',
    '"\\ud800"',
    "{1: 2}",
    "{'x': 1j}",
    "{'x': f()}",
]


@pytest.mark.parametrize("raw", BROKEN)
def test_what_is_not_json_is_quoted_back(raw: str) -> None:
    with pytest.raises(ToolError) as caught:
        parse_arguments(raw)

    assert "not valid JSON" in str(caught.value)
    assert f"You sent: {raw}" in str(caught.value)


def test_a_python_dict_is_read_as_the_object_that_it_stands_for() -> None:
    text = "{'city': 'Bonn', 'live': True, 'alert': None, 'at': (50.7, 7.1)}"

    assert parse_arguments(text) == {"city": "Bonn", "live": True, "alert": None, "at": [50.7, 7.1]}


@pytest.mark.parametrize("raw", ["[]", '"Bonn"', "null", "5"])
def test_json_that_is_no_object_is_refused(raw: str) -> None:
    with pytest.raises(ToolError, match="one JSON object"):
        parse_arguments(raw)


def test_no_more_than_500_characters_are_quoted_back() -> None:
    with pytest.raises(ToolError) as caught:
        parse_arguments("x" * 10_000)

    assert "x" * 500 + "…" in str(caught.value)
    assert "x" * 501 not in str(caught.value)


def test_an_object_with_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ToolError, match="not JSON data"):
        parse_arguments({"city": object()})


@pytest.mark.parametrize("depth", [300, 5000, 200_000])
def test_arguments_that_are_nested_too_deeply_are_refused(depth: int) -> None:
    with pytest.raises(ToolError):
        parse_arguments('{"x": ' + "[" * depth + "]" * depth + "}")


def test_every_fault_is_listed_with_its_place() -> None:
    with pytest.raises(ToolError) as caught:
        WEATHER.check({"days": 0, "town": "Bonn"})

    lines = str(caught.value).splitlines()
    assert lines[0] == "the arguments do not fit the parameters of weather:"
    assert sorted(lines[1:-1]) == [
        "- city: is missing; expected string",
        "- days: 0 is less than the minimum of 1",
        "- town: there is no such name; there is: city, days",
    ]
    assert lines[-1] == 'You sent: {"days":0,"town":"Bonn"}'


def test_a_fault_does_not_repeat_a_long_value() -> None:
    with pytest.raises(ToolError) as caught:
        WEATHER.check({"city": ["x" * 10_000]})

    assert len(str(caught.value)) < 1000


PLACES = ArgumentSchema(
    "places",
    {
        "type": "object",
        "properties": {
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "at": {
                "type": "object",
                "properties": {"latitude": {"type": "number", "description": "in degrees"}, "name": {}},
                "required": ["latitude", "name"],
                "additionalProperties": False,
            },
            "tags": {"type": ["array", "null"], "items": {"type": "string"}},
        },
    },
)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"unit": "celcius"}, "unit: \"celcius\" is not one of the allowed values; did you mean 'celsius'?"),
        ({"unit": 7}, 'unit: 7 is not one of the allowed values; allowed: "celsius", "fahrenheit"'),
        ({"at": []}, "at: expected object, and got array []"),
        ({"at": {"name": "x"}}, "at.latitude: is missing; expected number (in degrees)"),
        ({"at": {"latitude": 1}}, "at.name: is missing; expected a value"),
        (
            {"at": {"latitude": 1, "name": "x", "lattitude": 2}},
            "at.lattitude: there is no such name; did you mean 'latitude'?",
        ),
        ({"at": {"latitude": "50.7", "name": "x"}}, 'at.latitude: expected number (in degrees), and got string "50.7"'),
        ({"tags": ["a", None]}, "tags[1]: expected string, and got null"),
        ({"tags": True}, "tags: expected array or null, and got boolean true"),
    ],
)
def test_a_fault_says_where_what_was_expected_and_what_came(arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(ToolError) as caught:
        PLACES.check(arguments)

    assert str(caught.value).splitlines()[1:-1] == [f"- {fault}"]


def test_a_schema_that_holds_itself_is_an_error_and_no_endless_check() -> None:
    with pytest.raises(ToolError, match="nested too deeply"):
        ArgumentSchema("weather", {"$ref": "#"}).check({})


def test_a_thousand_wrong_names_are_told_in_ten_lines_and_at_once() -> None:
    with pytest.raises(ToolError) as caught:
        WEATHER.check({"city": "x", **{f"name{number}": 1 for number in range(100_000)}})

    assert len(str(caught.value).splitlines()) == 12


def test_the_canonical_form_does_not_depend_on_the_order_of_names() -> None:
    arguments = {"b": {"y": [1, {"d": 1, "c": 2}], "x": None}, "a": "ü"}

    assert canonical(arguments) == '{"a":"ü","b":{"x":null,"y":[1,{"c":2,"d":1}]}}'.encode()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"type": "object", "properties": {"a": 5}},
        {"$ref": "#/nowhere"},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"properties": {"city": {"pattern": "("}}},
    ],
)
def test_a_tool_whose_own_schema_is_wrong_says_so_and_fetches_nothing(schema: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="weather cannot be called: its own schema is not valid"):
        ArgumentSchema("weather", schema).check({"city": "Bonn"})


def test_a_boolean_is_no_integer() -> None:
    with pytest.raises(ToolError, match="days"):
        WEATHER.check({"city": "Bonn", "days": True})


@given(JSON)
def test_any_json_is_read_or_refused_with_one_kind_of_error(value: Any) -> None:
    text = orjson.dumps(value).decode()
    if isinstance(value, dict):
        assert parse_arguments(text) == value
    else:
        with pytest.raises(ToolError):
            parse_arguments(text)


@given(st.text())
def test_any_text_is_read_or_refused_with_one_kind_of_error(text: str) -> None:
    with contextlib.suppress(ToolError):
        assert isinstance(parse_arguments(text), dict)


@given(st.dictionaries(st.sampled_from(["city", "days", "x"]), JSON))
def test_arguments_pass_the_check_exactly_when_they_fit(arguments: dict[str, Any]) -> None:
    days = arguments.get("days", 1)
    is_whole = type(days) is int or (type(days) is float and days.is_integer())
    fits = isinstance(arguments.get("city"), str) and "x" not in arguments and is_whole and days >= 1

    with contextlib.nullcontext() if fits else pytest.raises(ToolError, match="do not fit"):
        WEATHER.check(arguments)


NAMES = st.sampled_from(["a", "b", "c"])
TYPES = ["string", "integer", "number", "boolean", "null", "array", "object"]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([1.0, 1.5, "", "text"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.fixed_dictionaries({}, optional={"type": st.sampled_from(TYPES), "enum": st.just([1, "text"])}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["array", "object", ["object", "null"]]),
            "properties": st.dictionaries(NAMES, inner | st.booleans(), max_size=3),
            "required": st.lists(NAMES, max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
            "items": inner,
            "minProperties": st.integers(0, 2),
            "description": st.just("what it is for"),
        },
    ),
    max_leaves=5,
)


@given(SCHEMAS, st.dictionaries(NAMES, VALUES, max_size=3))
def test_arguments_fit_whenever_the_validator_says_so_and_never_else(
    schema: dict[str, Any], arguments: dict[str, Any]
) -> None:
    validator: Any = Draft202012Validator(schema)
    fits = validator.is_valid(arguments)

    with contextlib.nullcontext() if fits else pytest.raises(ToolError, match="do not fit"):
        ArgumentSchema("tool", schema).check(arguments)
