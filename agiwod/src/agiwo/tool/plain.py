"""Schemas as nearly all tools have them: names, types and a few bounds. What it takes fits; it never says why not."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from agiwo.tool.pattern import matcher

Fits = Callable[[object], bool]
"""Whether a value fits for certain."""


class PlainSchema:
    """A check at a tenth of what a validator costs, which loads none.

    `is_whole` says that the schema asks for nothing that is not looked at here; such a schema is also a right one.
    """

    def __init__(self, schema: object) -> None:
        self.is_whole = True
        self.fits = self._check(schema)

    def _check(self, schema: object) -> Fits:
        if not isinstance(schema, dict):
            return self._beyond()
        members = cast(dict[str, Any], schema)
        kind = members.get("type")
        if not isinstance(kind, str) or kind not in _TYPES:
            return self._beyond()
        if not all(_is_right(name, value, kind) for name, value in members.items()):
            return self._beyond()
        types, bounds = _TYPES[kind], [_BOUNDS[name](value) for name, value in members.items() if name in _BOUNDS]
        if kind == "object":
            bounds.append(self._members(members))
        elif "items" in members:
            bounds.append(_each(self._check(members["items"])))
        return lambda value: type(value) in types and all(fits(value) for fits in bounds)

    def _members(self, schema: Mapping[str, Any]) -> Fits:
        known = {name: self._check(member) for name, member in schema.get("properties", {}).items()}
        needed, takes_more = schema.get("required", ()), schema.get("additionalProperties", True)

        def fits(value: Any) -> bool:
            if not takes_more and not value.keys() <= known.keys():
                return False
            there = all(name in value for name in needed)
            return there and all(known[name](member) for name, member in value.items() if name in known)

        return fits

    def _beyond(self) -> Fits:
        self.is_whole = False
        return lambda value: False


def _is_right(name: str, value: object, kind: str) -> bool:
    """Whether a member of a schema for this kind is looked at here, and is as it should be."""
    kinds, right = _LOOKED_AT.get(name, ((), _is_any))
    return kind in kinds and right(value)


def _each(fits: Fits) -> Fits:
    return lambda value: all(fits(item) for item in cast(list[object], value))


def _is_any(value: object) -> bool:
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and matcher(value) is not None


def _are_names(value: object) -> bool:
    if not isinstance(value, list):
        return False
    names = cast(list[object], value)
    return all(isinstance(name, str) for name in names) and len({*names}) == len(names)


def _are_values(value: object) -> bool:
    return isinstance(value, list) and bool(cast(list[object], value))


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


_TYPES: Final[Mapping[str, frozenset[type]]] = {
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "string": frozenset({str}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
}
_ALL: Final = tuple(_TYPES)
_LOOKED_AT: Final[Mapping[str, tuple[tuple[str, ...], Fits]]] = {
    "type": (_ALL, _is_any),
    "title": (_ALL, _is_text),
    "description": (_ALL, _is_text),
    "default": (_ALL, _is_any),
    "properties": (("object",), lambda value: isinstance(value, dict)),
    "required": (("object",), _are_names),
    "additionalProperties": (("object",), lambda value: isinstance(value, bool)),
    "items": (("array",), _is_any),
    "minItems": (("array",), _is_count),
    "enum": (("string",), _are_values),
    "pattern": (("string",), _is_pattern),
    "exclusiveMinimum": (("integer", "number"), lambda value: type(value) in (int, float)),
}
"""What such a schema may say: of which kinds, and how. The three after the first ask for nothing."""

_BOUNDS: Final[Mapping[str, Callable[[Any], Callable[[Any], bool]]]] = {
    "minItems": lambda least: lambda value: len(value) >= least,
    "enum": lambda allowed: lambda value: value in allowed,
    "pattern": lambda pattern: matcher(pattern) or _is_any,
    "exclusiveMinimum": lambda limit: lambda value: value > limit,
}
