"""JSON Schemas as providers take them who hold an answer to one. Judges no answer: whoever asked has the whole schema.

Such a provider knows a part of JSON Schema. What it does not know is left out where that only allows more; where it
would mean something else, the schema cannot be sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

Schema = Mapping[str, Any]

_KEPT: Final = frozenset({"type", "title", "description", "enum", "const"})
"""What both wires know and what has no schemas in it."""

_FORMATS: Final = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})

_INEXPRESSIBLE: Final = frozenset({"allOf", "patternProperties", "prefixItems", "$dynamicRef"})
"""What would leave nothing of a schema if it were left out."""

_DEPTH: Final = 10
"""Levels of objects and lists that such providers take."""


class _NotStrict(Exception):
    """The schema asks for something that the provider cannot hold an answer to."""


def strict_schema(schema: Schema) -> dict[str, Any] | None:
    """The schema as OpenAI's strict mode takes it: closed, and with nothing optional. None when it cannot be.

    What has a default must be said by the model, too; what may be left out and has none makes a schema not strict.
    """
    return _written(schema, all_required=True)


def closed_schema(schema: Schema) -> dict[str, Any] | None:
    """The schema as Anthropic takes it: closed, and without a circle. None when it cannot be."""
    return None if _goes_in_a_circle(schema) else _written(schema, all_required=False)


def _written(schema: Schema, *, all_required: bool) -> dict[str, Any] | None:
    try:
        root = _node(schema, 0, all_required)
        definitions: Schema = schema.get("$defs", {})
        defined = {name: _node(each, 0, all_required) for name, each in definitions.items()}
    except _NotStrict:
        return None
    return {**root, "$defs": defined} if defined else root


def _node(node: object, depth: int, all_required: bool) -> dict[str, Any]:
    if not isinstance(node, Mapping) or depth > _DEPTH:
        raise _NotStrict
    schema = cast(Schema, node)
    if not _INEXPRESSIBLE.isdisjoint(schema):
        raise _NotStrict
    if "$ref" in schema:
        return {"$ref": _own_reference(schema["$ref"])}
    kept = {name: value for name, value in schema.items() if name in _KEPT}
    if schema.get("format") in _FORMATS:
        kept["format"] = schema["format"]
    choices: Sequence[object] = schema.get("anyOf") or schema.get("oneOf") or ()
    if choices:
        return {**kept, "anyOf": [_node(each, depth + 1, all_required) for each in choices]}
    kinds = _kinds(schema)
    if "object" in kinds:
        kept |= _object(schema, depth, all_required)
    if "array" in kinds:
        kept["items"] = _node(schema.get("items"), depth + 1, all_required)
    return kept


def _kinds(schema: Schema) -> Sequence[str]:
    kind: object = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    if isinstance(kind, list):
        return cast(list[str], kind)
    if "enum" in schema or "const" in schema:
        return ()
    raise _NotStrict  # anything at all


def _object(schema: Schema, depth: int, all_required: bool) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    required: Sequence[str] = schema.get("required", ())
    if schema.get("additionalProperties", False) is not False or not properties or not properties.keys() >= {*required}:
        raise _NotStrict  # names that only the model knows
    optional = [name for name in properties if name not in required]
    if all_required and any("default" not in properties[name] for name in optional):
        raise _NotStrict
    return {
        "properties": {name: _node(each, depth + 1, all_required) for name, each in properties.items()},
        "required": list(properties) if all_required else list(required),
        "additionalProperties": False,
    }


def _own_reference(reference: object) -> str:
    if not isinstance(reference, str) or not reference.startswith("#/$defs/") or reference.count("/") != 2:
        raise _NotStrict
    return reference


def _goes_in_a_circle(schema: Schema) -> bool:
    definitions: Mapping[str, object] = schema.get("$defs", {})
    uses = {name: set(_references(each)) for name, each in definitions.items()}
    while free := [name for name, used in uses.items() if used.isdisjoint(uses)]:
        for name in free:
            del uses[name]
    return bool(uses)


def _references(node: object) -> list[str]:
    """The names of the definitions that a schema refers to, wherever in it."""
    if isinstance(node, Mapping):
        members = cast(Mapping[str, object], node)
        own = [str(members["$ref"]).removeprefix("#/$defs/")] if "$ref" in members else []
        return [*own, *(name for each in members.values() for name in _references(each))]
    if isinstance(node, list):
        return [name for each in cast(list[object], node) for name in _references(each)]
    return []
