"""JSON Schema 2020-12 held against values in bounded time, whoever wrote the schema. Words no faults.

What a schema could do to the process is kept out: it fetches nothing, its patterns are matched in linear time, and how
often it refers to itself is counted. What it says in words without such a bound is passed over.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

import orjson

from agiwo.tool.nesting import write_json
from agiwo.tool.pattern import matcher

_STEPS: Final = 20_000
"""References that are followed for one value; a schema that needs more multiplies with itself."""

_QUOTED: Final = 80
"""Characters of a text that does not match which are told."""

_UNBOUNDED: Final = ("unevaluatedProperties", "unevaluatedItems")

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any]]


class TooMuch(Exception):
    """A value cannot be held against the schema in a reasonable time."""


class BoundedSchema:
    """A schema that is one, compiled. It is not looked at here; `errors` are those of `jsonschema`."""

    def __init__(self, schema: Mapping[str, Any] | bool) -> None:
        import referencing
        from jsonschema import validators

        dialect: Any = validators.Draft202012Validator
        extend: Any = cast(Any, validators).extend
        known: Mapping[str, Keyword] = dialect.VALIDATORS
        bounded: Mapping[str, Keyword] = {
            **{name: self._counted(known[name]) for name in ("$ref", "$dynamicRef")},
            **dict.fromkeys(_UNBOUNDED, _passed_over),
            "pattern": _pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": _additional(known["additionalProperties"]),
            "uniqueItems": _unique,
        }
        # A registry of its own, and empty: the default one fetches what a foreign schema refers to.
        self._validator = extend(dialect, bounded)(schema, registry=cast(Any, referencing).Registry())
        self._steps = 0

    def errors(self, value: Any, most: int) -> list[Any]:
        """The first errors of a value that does not fit.

        Raises:
            TooMuch: it is too deep or too large, or the schema multiplies with itself.
        """
        self._steps = 0
        try:
            return [error for error, _ in zip(self._validator.iter_errors(value), range(most), strict=False)]
        except (RecursionError, ArithmeticError):
            raise TooMuch from None

    def _counted(self, follow: Keyword) -> Keyword:
        def counted(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[Any]:
            self._steps += 1
            if self._steps > _STEPS:
                raise TooMuch
            yield from follow(validator, reference, instance, schema)

        return counted


def _passed_over(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
    return iter(())


def _has(pattern: str, text: str) -> bool:
    """Whether the text matches, or nobody can tell: then it is for whoever wrote the schema to say so."""
    matches = matcher(pattern)
    return matches is None or matches(text)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not _has(pattern, instance):
        yield ValidationError(f"{orjson.dumps(instance[:_QUOTED]).decode()} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for pattern, below in patterns.items():
        for name, value in cast(dict[str, Any], instance).items():
            if _has(pattern, name):
                yield from validator.descend(value, below, path=name, schema_path=pattern)


def _additional(follow: Keyword) -> Keyword:
    """`additionalProperties`, which does not concern the names that a pattern is about."""

    def additional(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        patterns: Mapping[str, Any] = schema.get("patternProperties", {})
        if isinstance(instance, dict):
            named = cast(dict[str, Any], instance).items()
            instance = {name: value for name, value in named if not any(_has(each, name) for each in patterns)}
        yield from follow(validator, wanted, instance, {**schema, "patternProperties": {}})

    return additional


def _unique(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if wanted and isinstance(instance, list):
        items = cast(list[Any], instance)
        if len({write_json(each, orjson.OPT_SORT_KEYS) for each in items}) < len(items):
            yield ValidationError("expected items that all differ, and some are the same")
