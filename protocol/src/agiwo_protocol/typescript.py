"""The catalog as TypeScript: an interface a shape; maps `Methods`, `ClientMethods`, `Events` and `RunEvents`."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from agiwo_protocol.catalog import CLIENT_METHODS, EVENTS, METHODS
from agiwo_protocol.schema import Json, published_name, run_event_data, schema_hash, shapes
from agiwo_protocol.version import PROTOCOL_VERSION

_SIMPLE: Mapping[str, str] = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def typescript() -> str:
    """A module of types, without code."""
    parts = [
        f"// The agiwod protocol, version {PROTOCOL_VERSION}. Generated; do not edit.\n// {schema_hash()}\n",
        *(_declaration(name, shape) for name, shape in shapes().items()),
        _mapping("Methods", ((name, _call(method.params, method.result)) for name, method in METHODS.items())),
        _mapping(
            "ClientMethods",
            ((name, _call(method.params, method.result)) for name, method in CLIENT_METHODS.items()),
        ),
        _mapping("Events", ((name, published_name(event.params)) for name, event in EVENTS.items())),
        _mapping("RunEvents", ((type, type_of(data)) for type, data in run_event_data().items())),
    ]
    return "\n".join(parts)


def type_of(schema: Json) -> str:
    """The TypeScript of one schema."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(type_of(branch) for branch in schema[union])
    if schema.get("type") == "array":
        return f"Array<{type_of(schema['items'])}>"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {type_of(cast('Json', values)) if isinstance(values, dict) else 'unknown'}>"
    return _SIMPLE.get(schema.get("type", ""), "unknown")


def _declaration(name: str, shape: Json) -> str:
    about = f"/** {' '.join(shape['description'].split())} */\n"
    if "properties" not in shape:
        body = type_of(shape) if "oneOf" in shape else "Record<string, never>"
        return f"{about}export type {name} = {body};\n"
    required = shape.get("required", [])
    members = "".join(
        f"  {_key(member)}{'' if member in required else '?'}: {type_of(schema)};\n"
        for member, schema in shape["properties"].items()
    )
    return f"{about}export interface {name} {{\n{members}}}\n"


def _key(member: str) -> str:
    return member if member.isidentifier() else f'"{member}"'


def _call(params: type[Any], result: type[Any]) -> str:
    return f"{{ params: {published_name(params)}; result: {published_name(result)} }}"


def _mapping(name: str, members: Iterator[tuple[str, str]]) -> str:
    lines = "".join(f'  "{member}": {type};\n' for member, type in members)
    return f"export interface {name} {{\n{lines}}}\n"
