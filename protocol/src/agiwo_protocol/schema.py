"""The catalog as JSON Schema and as OpenRPC, and the hash by which two sides know that they mean the same."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, cast, get_args

import orjson
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from agiwo_protocol import connection, contract, item, run
from agiwo_protocol.catalog import CLIENT_METHODS, EVENTS, METHODS, RESOURCES
from agiwo_protocol.contract import ClientMethod, Event, Method, Wire
from agiwo_protocol.version import PROTOCOL_VERSION

Json = dict[str, Any]

_REFERENCE: Final = re.compile(r'"#/\$defs/(\w+)"')

_PLAIN: Final = (connection, contract, item)
"""Modules whose shapes need no resource before their name."""


class _Generate(GenerateJsonSchema):
    """Says what we send: an optional member is absent rather than null, and a name needs no title beside it."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, dft: Any) -> Any:
        return dft.to_wire() if isinstance(dft, Wire) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@cache
def shapes() -> Mapping[str, Json]:
    """The JSON Schema of every shape on the wire by its published name, with references `#/$defs/NAME`."""
    models = list(_models())
    refs, bundle = models_json_schema([(model, "validation") for model in models], schema_generator=_Generate)
    names = {refs[model, "validation"]["$ref"].rpartition("/")[2]: published_name(model) for model in models}
    found: dict[str, Json] = {}
    for key, shape in bundle["$defs"].items():
        found[names[key]] = {**_told_apart(_renamed(shape, names)), "title": names[key]}
    by_clients = _said_by_clients(found)
    for model in models:
        if (name := published_name(model)) not in by_clients:
            found[name] = {**found[name], **_always_there(model)}
    found["Item"] = {"title": "Item", "description": "A completed item.", "oneOf": _item_refs()}
    return dict(sorted(found.items()))


def shape_of(model: type[Wire]) -> Json:
    """The JSON Schema of one shape by itself, without a name or a description."""
    shape = model.model_json_schema(schema_generator=_Generate)
    return {key: value for key, value in shape.items() if key not in ("title", "description")}


def published_name(model: type[Wire]) -> str:
    """The name of a shape outside Python, where there are no modules: `run.StartParams` is `RunStartParams`."""
    resource = model.__module__.rpartition(".")[2].capitalize()
    is_plain = any(model.__module__ == module.__name__ for module in _PLAIN)
    return model.__name__ if is_plain or resource in model.__name__ else resource + model.__name__


def json_schema() -> Json:
    """The whole protocol as one JSON document: methods, events and the shapes that they name."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The agiwod protocol",
        "protocolVersion": PROTOCOL_VERSION,
        "methods": {name: _method(method) for name, method in METHODS.items()},
        "clientMethods": {name: _client_method(method) for name, method in CLIENT_METHODS.items()},
        "events": {name: _event(event) for name, event in EVENTS.items()},
        "runEvents": run_event_data(),
        "$defs": dict(shapes()),
    }


def run_event_data() -> Json:
    """The shape of `data` for each type of run event that has a fixed one."""
    fixed = {type: reference(model) for type, model in run.EVENT_DATA.items()}
    return {**fixed, "item/completed": {"$ref": "#/$defs/Item"}}


def reference(model: type[Wire]) -> Json:
    """How a document names a shape."""
    return {"$ref": f"#/$defs/{published_name(model)}"}


@cache
def schema_hash() -> str:
    """Changes whenever the protocol does; sent in the answer of `initialize`."""
    text = orjson.dumps(json_schema(), option=orjson.OPT_SORT_KEYS)
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def capabilities() -> list[str]:
    """What a daemon can be asked about: the resources that have methods."""
    return sorted({name.partition("/")[0] for name in METHODS if "/" in name})


def summary() -> str:
    """The text of the module `agiwo_protocol.summary`."""
    names = "".join(f"    {name!r},\n" for name in capabilities()).replace("'", '"')
    return (
        '"""The catalog in short, for who answers before the catalog is loaded. Generated; do not edit."""\n\n'
        "from typing import Final\n\n"
        f'SCHEMA_HASH: Final = "{schema_hash()}"\n\n'
        f"CAPABILITIES: Final = (\n{names})\n"
    )


@cache
def open_rpc() -> Json:
    """The answer of `rpc/discover`."""
    document = {
        "openrpc": "1.3.2",
        "info": {"title": "agiwod", "version": str(PROTOCOL_VERSION)},
        "methods": [_described(method) for method in METHODS.values()],
        "components": {"schemas": dict(shapes())},
        "x-client-methods": [
            {**_described(method), "x-capability": method.capability} for method in CLIENT_METHODS.values()
        ],
        "x-notifications": [{**_described(event), "x-sender": event.sender} for event in EVENTS.values()],
    }
    return _repointed(document)


def _models() -> Iterator[type[Wire]]:
    for module in (contract, item, *RESOURCES):
        for value in vars(module).values():
            is_shape = isinstance(value, type) and issubclass(value, Wire) and value is not Wire
            if is_shape and value.__module__ == module.__name__:
                yield value


def _item_refs() -> list[Json]:
    union = get_args(item.Item)[0]
    return [reference(model) for model in get_args(union)]


def _said_by_clients(found: Mapping[str, Json]) -> set[str]:
    """The shapes of what clients send, and of what is in those."""
    models = [method.params for method in METHODS.values()]
    models += [method.result for method in CLIENT_METHODS.values()]
    models += [event.params for event in EVENTS.values() if event.sender == "client"]
    names, waiting = set[str](), [published_name(model) for model in models]
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting += _REFERENCE.findall(orjson.dumps(found[name]).decode())
    return names


def _always_there(model: type[Wire]) -> Json:
    """The members of what only a daemon sends that are there: it leaves out what is none, and no other default."""
    fields = model.model_fields.items()
    there = [field.alias or name for name, field in fields if field.get_default(call_default_factory=True) is not None]
    return {"required": there} if there else {}


def _method(method: Method[Any, Any]) -> Json:
    return {
        "description": method.about,
        "params": reference(method.params),
        "result": reference(method.result),
        "early": method.early,
        "urgent": method.urgent,
    }


def _client_method(method: ClientMethod[Any, Any]) -> Json:
    return {
        "description": method.about,
        "params": reference(method.params),
        "result": reference(method.result),
        "capability": method.capability,
    }


def _event(event: Event[Any]) -> Json:
    return {"description": event.about, "params": reference(event.params), "sender": event.sender}


def _described(contract: Method[Any, Any] | ClientMethod[Any, Any] | Event[Any]) -> Json:
    shape = shapes()[published_name(contract.params)]
    required = shape.get("required", [])
    params = [
        {"name": name, "required": name in required, "schema": schema}
        for name, schema in shape.get("properties", {}).items()
    ]
    described: Json = {"name": contract.name, "summary": contract.about, "paramStructure": "by-name", "params": params}
    if not isinstance(contract, Event):
        described["result"] = {"name": "result", "schema": reference(contract.result)}
    return described


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_renamed(part, names) for part in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    shape = {key: _renamed(value, names) for key, value in cast("Json", node).items()}
    if "$ref" in shape:
        shape["$ref"] = f"#/$defs/{names[shape['$ref'].rpartition('/')[2]]}"
    return shape


def _told_apart(shape: Json) -> Json:
    """Require the member that tells shapes apart: pydantic thinks it optional because it has one value only."""
    fixed = [name for name, member in shape.get("properties", {}).items() if "const" in member]
    return {**shape, "required": [*fixed, *shape.get("required", [])]} if fixed else shape


def _repointed(document: Json) -> Json:
    """OpenRPC keeps its shapes elsewhere than JSON Schema does."""
    return orjson.loads(orjson.dumps(document).replace(b'"#/$defs/', b'"#/components/schemas/'))
