"""Schemas as those providers take them who hold an answer to one."""

from collections.abc import Iterable
from enum import Enum
from typing import Any, Literal, cast

import pytest
from agiwo.agent.output_type import OutputTypes
from agiwo.llm.strict import closed_schema, strict_schema
from pydantic import BaseModel, Field


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Leg(BaseModel):
    kind: Literal["leg"]
    length: int = Field(ge=1, description="In centimetres.")


class Wheel(BaseModel):
    kind: Literal["wheel"]
    size: float = 1.5


class Chair(BaseModel):
    name: str = Field(min_length=3, max_length=10)
    colour: Colour
    note: str | None = None
    stands_on: list[Leg | Wheel]
    favourite: Leg | Wheel = Field(discriminator="kind")


class Node(BaseModel):
    value: int
    children: "list[Node]"


def schema_of(type: Any) -> Any:
    return OutputTypes().of(type).schema


def objects_in(schema: Any) -> Iterable[Any]:
    """Every object schema in a schema."""
    if isinstance(schema, dict):
        members = cast(dict[str, Any], schema)
        yield from [members] if members.get("type") == "object" else []
        schema = list(members.values())
    if isinstance(schema, list):
        for each in cast(list[Any], schema):
            yield from objects_in(each)


def test_a_strict_schema_is_closed_and_has_nothing_optional_and_no_default() -> None:
    strict = strict_schema(schema_of(Chair))
    assert strict
    objects = list(objects_in(strict))
    assert len(objects) == 3
    assert all(each["additionalProperties"] is False for each in objects)
    assert all(list(each["properties"]) == each["required"] for each in objects)
    assert not any(word in str(strict) for word in ("default", "minLength", "minimum", "oneOf", "discriminator"))
    assert strict["$defs"]["Leg"]["properties"]["length"]["description"] == "In centimetres."


def test_a_closed_schema_leaves_optional_what_was() -> None:
    closed = closed_schema(schema_of(Chair))
    assert closed
    assert closed["required"] == ["name", "colour", "stands_on", "favourite"]
    assert closed["additionalProperties"] is False


def test_a_schema_that_holds_itself_can_be_strict_and_has_no_closed_form() -> None:
    assert strict_schema(schema_of(Node))
    assert closed_schema(schema_of(Node)) is None


STRING = {"type": "string"}
INEXPRESSIBLE: list[Any] = [
    {"type": "object", "properties": {"a": STRING}},
    {"type": "object", "properties": {"a": STRING}, "required": ["a"], "additionalProperties": True},
    {"type": "object", "properties": {"a": STRING}, "required": ["a", "b"]},
    {"type": "object", "properties": {"a": {}}, "required": ["a"]},
    {"type": "object", "properties": {"a": True}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": "array"}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"allOf": [STRING]}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"$ref": "#/properties/b"}, "b": STRING}, "required": ["a", "b"]},
    {"type": "object", "additionalProperties": {"type": "integer"}},
]


@pytest.mark.parametrize("schema", INEXPRESSIBLE)
def test_what_strict_mode_cannot_say_is_not_said_strictly(schema: Any) -> None:
    assert strict_schema(schema) is None


def test_what_is_nested_too_deeply_is_not_strict() -> None:
    schema: Any = STRING
    for _ in range(12):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    assert strict_schema(schema) is None
