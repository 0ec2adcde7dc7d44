"""The arguments of a tool call: read as the model wrote them, and held against the tool's schema. Runs nothing."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

import orjson

from agiwo.errors import ToolError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_QUOTED = 500
"""Characters of a model's own words that an error repeats to it."""

_LISTED = 10
"""Faults that one error lists; a model that made more must read the schema again anyway."""

_FAULT = 200
"""Characters of one fault: a validator's message repeats the whole value."""


def parse_arguments(raw: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments as an object; nothing at all counts as `{}`.

    Raises: ToolError when they are not JSON or not an object; its text is written for the model.
    """
    text = raw or "{}" if isinstance(raw, str | None) else _written(raw)
    try:
        arguments = orjson.loads(text if text.strip() else "{}")
    except orjson.JSONDecodeError as error:
        raise ToolError(f"the arguments are not valid JSON ({error}). {_you_sent(text)}") from error
    if not isinstance(arguments, dict):
        raise ToolError(f"the arguments must be one JSON object. {_you_sent(text)}")
    return cast(dict[str, Any], arguments)


class ArgumentSchema:
    """A tool's parameters as a check, compiled once."""

    def __init__(self, tool: str, schema: Mapping[str, Any]) -> None:
        self._tool, self._schema = tool, schema
        self._validator: _Validator | None = None

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Return when the arguments fit.

        Raises: ToolError that lists the faults; its text is written for the model.
        """
        faults = self._faults(arguments)
        if faults:
            listed = "".join(f"\n- {fault}" for fault in faults)
            raise ToolError(
                f"the arguments do not fit the parameters of {self._tool}:{listed}\n{_you_sent(_written(arguments))}"
            )

    def names(self, parameter: str) -> bool:
        """Whether the tool itself declares a parameter of this name."""
        return parameter in self._schema.get("properties", {})

    def _faults(self, arguments: Mapping[str, Any]) -> list[str]:
        # Imported at the first call, and not before: jsonschema costs a start more than the rest of this package.
        from jsonschema.exceptions import SchemaError, UnknownType
        from referencing.exceptions import Unresolvable

        try:
            errors = self._compiled().iter_errors(arguments)
            return [_fault(error) for error, _ in zip(errors, range(_LISTED), strict=False)]
        except (SchemaError, UnknownType, Unresolvable) as error:
            message = str(error).partition("\n")[0][:_FAULT]
            raise ToolError(f"{self._tool} cannot be called: its own schema is not valid ({message})") from error

    def _compiled(self) -> "_Validator":
        if self._validator is None:
            from jsonschema import Draft202012Validator
            from referencing import Registry

            Draft202012Validator.check_schema(self._schema)
            # A registry of its own, and empty: the default one fetches what a foreign schema refers to.
            self._validator = cast(_Validator, Draft202012Validator(self._schema, registry=Registry()))
        return self._validator


class _Validator(Protocol):
    def iter_errors(self, instance: Any) -> "Iterable[ValidationError]": ...


def _fault(error: "ValidationError") -> str:
    path = error.json_path.removeprefix("$").removeprefix(".")
    message = error.message if len(error.message) <= _FAULT else f"{error.message[:_FAULT]}…"
    return f"{path}: {message}" if path else message


def _written(arguments: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(dict(arguments)).decode()
    except TypeError as error:
        raise ToolError(f"the arguments are not JSON data ({error})") from error


def _you_sent(text: str) -> str:
    return f"You sent: {text}" if len(text) <= _QUOTED else f"You sent (cut): {text[:_QUOTED]}…"
