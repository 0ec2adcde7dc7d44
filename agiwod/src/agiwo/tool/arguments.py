"""The arguments of a tool call: read as the model wrote them, and held against the tool's schema. Runs nothing."""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any, Final, Protocol, cast

import orjson

from agiwo.errors import ToolError
from agiwo.tool.bounded import BoundedSchema, TooMuch
from agiwo.tool.nesting import write_json
from agiwo.tool.plain import PlainSchema

_QUOTED = 500
"""Characters of a model's own words that an error repeats to it."""

_LISTED = 10
"""Faults that one error lists; a model that made more must read the schema again anyway."""

_FAULT = 200
"""Characters of one fault: it need not repeat a whole value."""

_GIVEN = 80
"""Characters of one wrong value that a fault repeats."""

_NAMES = 50
"""Names that an error lists when none is like the one that came."""

_LITERAL = 100_000
"""Characters that are tried as a Python literal; longer ones are no slip of a model that mixes two languages."""

_LARGEST = 256 * 1024
"""Bytes of a schema; to look through a larger one would take seconds, in which nobody else is served."""

_COMPILED = 256
"""Schemas that are kept compiled: agents have the same tools, and to look a schema through takes milliseconds."""


def parse_arguments(raw: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments as an object: JSON, a Python dict that means the same, or nothing at all, which counts as `{}`.

    Nothing is repaired: what was cut off or is broken is never run.

    Raises: ToolError when they are not one whole object of JSON values; its text is written for the model.
    """
    text = raw or "{}" if isinstance(raw, str | None) else _written(raw)
    try:
        arguments = orjson.loads(text if text.strip() else "{}")
    except orjson.JSONDecodeError as error:
        literal = _python_literal(text)
        if literal is None:
            raise ToolError(f"the arguments are not valid JSON ({error}). {_you_sent(text)}") from error
        return literal
    if not isinstance(arguments, dict):
        raise ToolError(f"the arguments must be one JSON object. {_you_sent(text)}")
    found = cast(dict[str, Any], arguments)
    _written(found)  # what is nested so deeply that it could be read but never written is refused here
    return found


def canonical(arguments: Mapping[str, Any]) -> bytes:
    """The one way to write these arguments, whatever the order of their names: what keys and digests are made of.

    Raises: ToolError when they are not JSON data.
    """
    return _encoded(arguments, orjson.OPT_SORT_KEYS)


def nearest(name: str, known: Iterable[str], listed_as: str = "there is") -> str:
    """What follows a wrong name: the right one that is most like it, or the names there are."""
    names = list(known)
    near = get_close_matches(name[:_FAULT].lower(), names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"; {listed_as}: {', '.join(names[:_NAMES]) or 'none'}{more}"


class ArgumentSchema:
    """A tool's parameters as a check, compiled once."""

    def __init__(self, tool: str, schema: Mapping[str, Any]) -> None:
        self._tool, self._schema = tool, schema
        self._plain: PlainSchema | None = None
        self._bounded: BoundedSchema | None = None

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
        try:
            plain = self._plain = self._plain or PlainSchema(self._schema)
            if plain.is_whole and plain.fits(arguments):
                return []
            bounded = self._compiled()
            if plain.fits(arguments):
                return []
            return [fault for error in bounded.errors(arguments, _LISTED) for fault in faults_of(error)][:_LISTED]
        except _schema_faults() as error:
            raise self._unusable(str(error).partition("\n")[0][:_FAULT]) from error
        except (RecursionError, TooMuch):
            raise ToolError(f"the arguments of {self._tool} are nested too deeply to be checked") from None

    def _compiled(self) -> BoundedSchema:
        if self._bounded is None:
            try:
                written = write_json(self._schema)
            except TypeError as error:
                raise self._unusable(str(error)) from None
            if len(written) > _LARGEST:
                raise self._unusable(f"it is larger than {_LARGEST // 1024} KiB")
            self._bounded = _bounded(written)
        return self._bounded

    def _unusable(self, why: str) -> ToolError:
        return ToolError(f"{self._tool} cannot be called: its own schema is not valid ({why})")


@lru_cache(_COMPILED)
def _bounded(schema: bytes) -> BoundedSchema:
    from jsonschema import Draft202012Validator

    written = orjson.loads(schema)
    Draft202012Validator.check_schema(written)
    return BoundedSchema(written)


@cache
def _schema_faults() -> tuple[type[Exception], ...]:
    # Imported when something goes wrong, and not before: jsonschema costs a start more than the rest of this package.
    from jsonschema.exceptions import SchemaError, UnknownType
    from referencing.exceptions import Unresolvable

    return SchemaError, UnknownType, Unresolvable


class _Fault(Protocol):
    """What is used of the validator's errors."""

    validator: str
    validator_value: Any
    instance: object
    schema: Any
    message: str
    json_path: str


def faults_of(error: _Fault) -> list[str]:
    """What is wrong, each with its place: a name that is missing or not known is the place itself."""
    place = error.json_path.removeprefix("$").removeprefix(".")
    tell = _TELLERS.get(error.validator, _in_the_validators_words)
    return [_short(f"{path}: {text}" if path else text) for path, text in tell(error, place)]


Told = list[tuple[str, str]]


def _missing(error: _Fault, place: str) -> Told:
    # The validator reports each missing name by itself, and only its message says which.
    names: Sequence[str] = error.validator_value
    properties = _properties(error)
    return [
        (_under(place, name), f"is missing; expected {_expected(properties.get(name))}")
        for name in names
        if name not in cast(Mapping[str, Any], error.instance) and error.message.startswith(repr(name))
    ]


def _unknown(error: _Fault, place: str) -> Told:
    if error.validator_value is not False or "patternProperties" in error.schema:
        return _in_the_validators_words(error, place)
    known = _properties(error)
    unknown = [name for name in cast(Mapping[str, Any], error.instance) if name not in known][:_LISTED]
    return [(_under(place, name), f"there is no such name{nearest(name, known)}") for name in unknown]


def _wrong_type(error: _Fault, place: str) -> Told:
    kind = _KINDS.get(type(error.instance))
    came = f"{kind} {_given(error.instance)}" if kind else "null"
    return [(place, f"expected {_expected(error.schema)}, and got {came}")]


def _not_listed(error: _Fault, place: str) -> Told:
    allowed: Sequence[Any] = error.validator_value
    hint = nearest(error.instance, map(str, allowed)) if isinstance(error.instance, str) else ""
    if "did you mean" not in hint:
        hint = f"; allowed: {', '.join(map(_given, allowed))}"
    return [(place, f"{_given(error.instance)} is not one of the allowed values{hint}")]


def _in_the_validators_words(error: _Fault, place: str) -> Told:
    return [(place, error.message)]


_TELLERS: Final[Mapping[str, Callable[[_Fault, str], Told]]] = {
    "required": _missing,
    "additionalProperties": _unknown,
    "type": _wrong_type,
    "enum": _not_listed,
}


def _properties(error: _Fault) -> Mapping[str, Any]:
    return error.schema.get("properties", {})


def _under(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _expected(schema: object) -> str:
    """What a schema asks for, in a few words: its types, and what its author says about it."""
    if not isinstance(schema, Mapping):
        return "any value"
    members = cast(Mapping[str, Any], schema)
    kinds = members.get("type", "a value")
    wanted = " or ".join(map(str, cast(list[Any], kinds))) if isinstance(kinds, list) else str(kinds)
    return f"{wanted} ({members['description']})" if "description" in members else wanted


_KINDS: Final[Mapping[type, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def _given(value: object) -> str:
    try:
        text = write_json(value).decode()
    except TypeError:
        text = "(nested too deeply to be shown)"
    return text if len(text) <= _GIVEN else f"{text[:_GIVEN]}…"


def _short(fault: str) -> str:
    return fault if len(fault) <= _FAULT else f"{fault[:_FAULT]}…"


def _python_literal(text: str) -> dict[str, Any] | None:
    """The object that a Python dict stands for, if `text` is one and holds nothing that JSON cannot."""
    if len(text) > _LITERAL or not text.lstrip().startswith("{"):
        return None
    try:
        value: object = ast.literal_eval(text.strip())
        return orjson.loads(write_json(cast(object, value))) if isinstance(value, dict) else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _written(arguments: Mapping[str, Any]) -> str:
    return _encoded(arguments, 0).decode()


def _encoded(arguments: Mapping[str, Any], option: int) -> bytes:
    try:
        return write_json(dict(arguments), option)
    except TypeError as error:
        raise ToolError(f"the arguments are not JSON data ({error})") from error


def _you_sent(text: str) -> str:
    return f"You sent: {text}" if len(text) <= _QUOTED else f"You sent (cut): {text[:_QUOTED]}…"
