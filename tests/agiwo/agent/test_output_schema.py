"""Schemas from anybody: what is refused and where, and what an answer is told that does not fit."""

import re
from typing import Any

import pytest
from agiwo.agent.output_schema import OutputSchema
from agiwo.errors import SchemaInvalid

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "strin"}, "type", "is not valid under any of the given schemas"),
    ({"properties": {"a": {"minimum": "1"}}}, "properties.a.minimum", "is not of type 'number'"),
    ({"properties": []}, "properties", "is not of type 'object'"),
    ({"$ref": "https://example.com/schema.json"}, "$ref", "refers to somewhere else"),
    ({"items": {"$ref": "file:///etc/passwd"}}, "items.$ref", "refers to somewhere else"),
    ({"items": {"$ref": "#/$defs/a"}}, "items.$ref", "refers to no part of this schema"),
    ({"$ref": "#/default", "default": {"pattern": "x"}}, "$ref", "refers to no part"),
    ({"$defs": {"a": {"$id": "b"}}}, "$defs.a.$id", "only the whole schema may have an id"),
    ({"$dynamicRef": "#a"}, "$dynamicRef", "not supported"),
    ({"anyOf": [{"patternProperties": {"a": {}}}]}, "anyOf.0.patternProperties", "not supported"),
    ({"unevaluatedProperties": False}, "unevaluatedProperties", "not supported"),
    ({"properties": {"a": {"pattern": "(?=b)"}}}, "properties.a.pattern", "no regular expression"),
    ({"properties": {"a": {"pattern": "("}}}, "properties.a.pattern", "'(' is not a 'regex'"),
    ({"description": "x" * 70_000}, "", "at most 65536"),
    ({"default": object()}, "", "it is no JSON data"),
]


@pytest.mark.parametrize(("schema", "path", "fault"), REFUSED)
def test_a_schema_that_cannot_be_used_is_refused_with_its_place(schema: dict[str, Any], path: str, fault: str) -> None:
    with pytest.raises(SchemaInvalid, match=re.escape(fault)) as raised:
        OutputSchema.looked_at(schema)
    assert raised.value.path == path
    assert len(str(raised.value)) < 600


def test_a_schema_that_is_nested_without_end_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"items": schema}
    with pytest.raises(SchemaInvalid, match="nested too deeply"):
        OutputSchema.looked_at(schema)


def test_names_that_look_like_keywords_are_only_names() -> None:
    names = {"$ref": {"type": "string"}, "pattern": {"type": "string"}, "patternProperties": {"type": "integer"}}
    schema = OutputSchema.looked_at(
        {"type": "object", "properties": names, "const": {"$ref": "http://x", "pattern": "("}}
    )
    assert schema.faults({"$ref": "http://x", "pattern": "("}) == []


def test_a_schema_may_name_its_dialect_and_itself() -> None:
    schema = OutputSchema.looked_at(
        {"$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://a/b", "type": "object"}
    )
    assert schema.plan == {"schema": {"type": "object"}}


@pytest.mark.parametrize("place", ["#/$defs/a~1b", "#/properties/x", "#"])
def test_a_schema_may_refer_to_any_part_of_itself(place: str) -> None:
    definitions = {"a/b": {"type": "integer"}}
    refers = {"properties": {"x": {"type": "integer"}, "y": {"$ref": place}}, "$defs": definitions}
    faults = OutputSchema.looked_at({"type": ["object", "integer"], **refers}).faults({"y": "no"})
    assert faults[0].startswith("y: expected ")


def test_faults_have_a_path_what_is_expected_and_what_came() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "size": {"enum": ["small", "large"]},
            "rows": {"type": "array", "items": {"type": "object", "required": ["id"]}},
            "code": {"type": "string", "pattern": "^[A-Z]+$"},
        },
        "additionalProperties": False,
    }
    faults = OutputSchema.looked_at(schema).faults({"size": "smal", "rows": [{"id": 1}, {}], "code": "ab", "colour": 1})
    assert sorted(faults) == [
        "code: \"ab\" does not match '^[A-Z]+$'",
        "colour: there is no such name; there is: size, rows, code",
        "rows[1].id: is missing; expected any value",
        "size: \"smal\" is not one of the allowed values; did you mean 'small'?",
    ]


def test_a_long_list_of_faults_is_cut() -> None:
    schema = OutputSchema.looked_at({"type": "array", "items": {"type": "integer"}})
    assert len(schema.faults(["x" * 1000] * 1000)) == 10


def test_a_pattern_that_would_take_for_ever_elsewhere_takes_no_time() -> None:
    schema = OutputSchema.looked_at({"type": "string", "pattern": "^(a+)+$"})
    assert len(schema.faults("a" * 5000 + "b")) == 1


@pytest.mark.parametrize(("items", "count"), [([{"a": 1}, {"b": 1}], 0), ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], 1)])
def test_items_that_are_to_differ_are_compared_at_once(items: list[Any], count: int) -> None:
    schema = OutputSchema.looked_at({"uniqueItems": True})
    assert len(schema.faults([*items, *({"number": number} for number in range(5000))])) == count


def test_a_schema_that_multiplies_with_itself_is_given_up() -> None:
    definitions: dict[str, Any] = {"a0": {"type": "integer"}}
    for number in range(1, 40):
        definitions[f"a{number}"] = {"allOf": [{"$ref": f"#/$defs/a{number - 1}"}] * 2}
    schema = OutputSchema.looked_at({"$ref": "#/$defs/a39", "$defs": definitions})
    assert schema.faults(1) == ["it is too deep or too large to be held against the schema"]


def test_a_schema_that_is_itself_is_given_up() -> None:
    assert OutputSchema.looked_at({"$ref": "#"}).faults(1) == [
        "it is too deep or too large to be held against the schema"
    ]
