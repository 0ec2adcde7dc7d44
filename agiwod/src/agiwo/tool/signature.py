"""A function as pydantic sees it: its parameters as a model and a schema, its value as JSON. Calls no function."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError, to_jsonable_python

from agiwo.abort import AbortSignal
from agiwo.errors import ConfigError, ToolError
from agiwo.schema.tool import ExecutionContext

_FIELD = "arg_"
"""Before every field of the arguments model, so that no parameter's name collides with a model's own."""

_LISTED = 10
"""Faults that one error lists."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's docstring and its parameters: the model's as a pydantic model, and those that the executor gives."""

    doc: str
    model: type[BaseModel]
    schema: dict[str, Any]
    injected: Mapping[str, type]

    def arguments(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What to call the function with, each argument turned into what its annotation asks for.

        Raises: ToolError that lists what cannot be; its text is written for the model.
        """
        names = {field.alias for field in self.model.model_fields.values()}
        given = {name: value for name, value in parameters.items() if name in names}
        try:
            valid = self.model.model_validate(given)
        except ValidationError as error:
            listed = error.errors(include_url=False, include_context=False)[:_LISTED]
        else:
            # What the model left out stays out, so that the function's own default applies.
            return {field.removeprefix(_FIELD): getattr(valid, field) for field in valid.model_fields_set}
        # Not in the `except`: an error of pydantic's that is kept as a context is never freed.
        faults = (f"\n- {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in listed)
        raise ToolError(f"the arguments cannot be used:{''.join(faults)}")


def signature_of(function: Callable[..., Any], tool: str) -> Signature:
    """The function's signature; read once for each function, however many tools are made of it.

    Raises: ConfigError when it cannot be put as a schema.
    """
    if not inspect.isfunction(function):
        return _read_signature(function, tool)
    if (known := _known.get(function)) is None:
        known = _known[function] = _read_signature(function, tool)
    return known


_known: WeakKeyDictionary[Callable[..., Any], Signature] = WeakKeyDictionary()


def as_json(value: object) -> object:
    """The value as JSON data.

    Raises: ToolError when it has no such form.
    """
    try:
        return to_jsonable_python(value)
    except (PydanticSerializationError, ValueError) as error:
        raise ToolError(f"the tool's result cannot be stored: {error}") from error


class _WithoutTitles(GenerateJsonSchema):
    """Titles repeat the names in other letters, and every request pays for them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def emit_warning(self, kind: Any, detail: str) -> None:
        """Say nothing: a default that is no JSON is left out, and holds all the same."""


def _read_signature(function: Callable[..., Any], tool: str) -> Signature:
    injected: dict[str, type] = {}
    fields: dict[str, Any] = {}
    try:
        hints = get_type_hints(_annotated(function), include_extras=True)
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise ConfigError(f"tool {tool!r}: parameter {name!r} must be one that can be given by name")
            kind = hints.get(name, Any)
            if kind in (ExecutionContext, AbortSignal):
                injected[name] = kind
            else:
                default = ... if parameter.default is parameter.empty else parameter.default
                fields[_FIELD + name] = (kind, Field(default, alias=name))
        model = create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)
        schema = model.model_json_schema(schema_generator=_WithoutTitles)
    except ConfigError:
        raise
    except (PydanticUserError, TypeError, ValueError, NameError) as error:
        raise ConfigError(f"tool {tool!r}: its signature cannot be put as a JSON Schema: {error}") from error
    schema.pop("title")
    return Signature(inspect.getdoc(function) or "", model, {"properties": {}, **schema}, injected)


def _annotated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where the annotations stand: a callable object has them on its `__call__`."""
    return function if inspect.isroutine(function) else function.__call__
