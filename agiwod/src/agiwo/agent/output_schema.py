"""A JSON Schema that an answer is to fit. It may come from anybody, so it is itself looked at before it is used.

What could not be bounded is refused before it is used; what then is held against it is in `agiwo.tool.bounded`.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Self, cast

from agiwo.errors import SchemaInvalid
from agiwo.tool.arguments import faults_of
from agiwo.tool.bounded import BoundedSchema, TooMuch
from agiwo.tool.nesting import write_json
from agiwo.tool.pattern import matcher

_SIZE = 64 * 1024
"""Bytes of a schema: it is kept with its run, and may go to the provider with each request."""

_LISTED = 10
"""Faults that are told; a model that made more must read the schema again anyway."""

_SINGLE: Final = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_NAMED: Final = ("properties", "$defs", "definitions", "dependentSchemas")
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
"""The keywords that hold schemas, by how they hold them."""

_REFUSED: Final = ("patternProperties", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef")
"""Keywords whose cost cannot be bounded."""

Schema = Mapping[str, Any]


class OutputSchema:
    """A schema in dialect 2020-12 that was looked at before, and what is wrong with values that do not fit it."""

    name = ""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    @classmethod
    def looked_at(cls, schema: Schema) -> Self:
        """The schema, if it can be used. That takes up to a second for the largest ones.

        Raises:
            SchemaInvalid: it is none, is too large, uses what cannot be bounded, or refers to somewhere else.
        """
        own = {name: value for name, value in schema.items() if name not in ("$schema", "$id")}
        _check_size(own)
        _check_meaning(own)
        places = dict(_subschemas(own, "#"))
        for place, each in places.items():
            _check_bounds(place, each, places)
        return cls(own)

    @property
    def plan(self) -> Mapping[str, Any]:
        """As `OutputType.plan`."""
        return {"schema": self.schema}

    def faults(self, value: Any) -> list[str]:
        """As `OutputType.faults`."""
        try:
            return [fault for error in self._bounded.errors(value, _LISTED) for fault in faults_of(error)][:_LISTED]
        except TooMuch:
            return ["it is too deep or too large to be held against the schema"]

    def object(self, value: Any) -> Any:
        """The value itself: a schema makes no objects of it."""
        return value

    @cached_property
    def _bounded(self) -> BoundedSchema:
        return BoundedSchema(self.schema)


def _check_size(schema: Schema) -> None:
    try:
        size = len(write_json(schema))
    except TypeError as error:
        raise SchemaInvalid("", f"it is no JSON data, or nested too deeply ({error})") from None
    if size > _SIZE:
        raise SchemaInvalid("", f"it has {size} bytes; at most {_SIZE} are taken")


def _check_meaning(schema: Schema) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise SchemaInvalid(error.json_path.removeprefix("$").removeprefix("."), _short(error.message)) from None


def _check_bounds(place: str, schema: Schema, places: Mapping[str, Schema]) -> None:
    path = place.removeprefix("#").removeprefix("/").replace("/", ".")
    for name in _REFUSED:
        if name in schema:
            raise SchemaInvalid(_under(path, name), "this keyword is not supported here")
    if place != "#" and "$id" in schema:
        raise SchemaInvalid(_under(path, "$id"), "only the whole schema may have an id")
    reference = schema.get("$ref")
    if reference is not None and reference not in places:
        what = "refers to no part of this schema" if reference.startswith("#") else "refers to somewhere else"
        raise SchemaInvalid(_under(path, "$ref"), f"{_short(repr(reference))} {what}, and nothing is fetched")
    if "pattern" in schema:
        _check_pattern(_under(path, "pattern"), schema["pattern"])


def _check_pattern(path: str, pattern: str) -> None:
    if matcher(pattern) is None:
        fault = f"{_short(repr(pattern))} is no regular expression without look-around and back-references"
        raise SchemaInvalid(path, fault)


def _subschemas(schema: Any, place: str) -> Iterator[tuple[str, Schema]]:
    """Every schema in a schema, with the JSON pointer to it."""
    if not isinstance(schema, dict):
        return
    members = cast(dict[str, Any], schema)
    yield place, members
    for name in _SINGLE:
        yield from _subschemas(members.get(name), f"{place}/{name}")
    for name in _NAMED:
        for key, each in members.get(name, {}).items():
            yield from _subschemas(each, f"{place}/{name}/{key.replace('~', '~0').replace('/', '~1')}")
    for name in _LISTS:
        for number, each in enumerate(members.get(name, ())):
            yield from _subschemas(each, f"{place}/{name}/{number}")


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"
