"""Patterns over JSON: what a message has to be, and what is kept of it for later. Reads no transcript.

A string `<KIND>` stands for any value of a kind, `<KIND NAME>` keeps it under a name, and `<=NAME>` is what was kept.
Kinds are any, string, integer, number, boolean, object, array, time and absent; `<one A B>` is one of these words,
`<shape NAME>` fits a published shape. `{"<each>": P}` and `{"<has>": P}` are for arrays: all of it, some of it. An
object may have more members than its pattern. Where something is sent, `<fresh NAME>` is a text that is new.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, cast

from agiwod.conformance.shapes import fault_of

Names = dict[str, Any]
"""What was kept, by name."""

_PLACEHOLDER: Final = re.compile(r"<(=?[\w-]+)(?: ([^<>]*))?>")
_LONGEST: Final = 200


class UnknownName(Exception):
    """A pattern uses what was never kept, or a kind that there is not: the fault is in the transcript."""


def fill(pattern: Any, names: Names) -> Any:
    """What is sent: the pattern with what was kept, and fresh texts, in their places."""
    if isinstance(pattern, dict):
        return {key: fill(value, names) for key, value in cast("dict[str, Any]", pattern).items()}
    if isinstance(pattern, list):
        return [fill(value, names) for value in cast("list[Any]", pattern)]
    found = _PLACEHOLDER.fullmatch(pattern) if isinstance(pattern, str) else None
    if found is None:
        return pattern
    kind, rest = found.groups()
    if kind == "fresh":
        return names.setdefault(rest, f"{rest}-{secrets.token_hex(6)}")
    return _kept(kind.removeprefix("="), names)


def mismatch(pattern: Any, value: Any, names: Names, path: str = "") -> str | None:
    """What is wrong with a value, beginning with where; None when it fits, and what it is to give is in `names`."""
    if isinstance(pattern, dict):
        return _of_object(cast("dict[str, Any]", pattern), value, names, path)
    if isinstance(pattern, list):
        return _of_array(cast("list[Any]", pattern), value, names, path)
    found = _PLACEHOLDER.fullmatch(pattern) if isinstance(pattern, str) else None
    if found is not None:
        return _of_placeholder(found[1], found[2] or "", value, names, path)
    same = type(pattern) is type(value) and pattern == value
    return None if same else _said(path, _shown(pattern), value)


_MISSING: Final = object()


def _of_object(pattern: Mapping[str, Any], value: Any, names: Names, path: str) -> str | None:
    if len(pattern) == 1 and (key := next(iter(pattern))) in ("<each>", "<has>"):
        return _of_members(key, pattern[key], value, names, path)
    if not isinstance(value, dict):
        return _said(path, "an object", value)
    members = cast("dict[str, Any]", value)
    places = {key: f"{path}.{key}" if path else key for key in pattern}
    faults = (mismatch(pattern[key], members.get(key, _MISSING), names, places[key]) for key in pattern)
    return next((fault for fault in faults if fault), None)


def _of_members(key: str, pattern: Any, value: Any, names: Names, path: str) -> str | None:
    if not isinstance(value, list):
        return _said(path, "an array", value)
    members = cast("list[Any]", value)
    faults = [mismatch(pattern, each, names, f"{path}.{at}") for at, each in enumerate(members)]
    if key == "<each>":
        return next((fault for fault in faults if fault), None)
    return None if None in faults else f"{path or 'it'}: none of the {len(members)} members is {_shown(pattern)}"


def _of_array(pattern: list[Any], value: Any, names: Names, path: str) -> str | None:
    if not isinstance(value, list):
        return _said(path, "an array", value)
    members = cast("list[Any]", value)
    if len(members) != len(pattern):
        return f"{path or 'it'}: expected {len(pattern)} members, and there are {len(members)}: {_shown(members)}"
    pairs = enumerate(zip(pattern, members, strict=True))
    faults = (mismatch(want, each, names, f"{path}.{at}") for at, (want, each) in pairs)
    return next((fault for fault in faults if fault), None)


def _of_placeholder(kind: str, rest: str, value: Any, names: Names, path: str) -> str | None:
    if kind.startswith("="):
        wanted = _kept(kind[1:], names)
        return None if wanted == value else _said(path, _shown(wanted), value)
    if kind == "shape":
        fault = fault_of(rest, None if value is _MISSING else value)
        return fault and f"{path or 'it'}: no {rest}: {fault}"
    if kind == "one":
        return None if value in rest.split() else _said(path, f"one of {rest}", value)
    if kind not in _KINDS:
        raise UnknownName(f"there is no kind <{kind}>")
    if not _KINDS[kind](value):
        return _said(path, f"<{kind}>", value)
    if rest:
        names[rest] = value
    return None


def _kept(name: str, names: Names) -> Any:
    if name not in names:
        raise UnknownName(f"nothing was kept as {name!r}")
    return names[name]


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_KINDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "any": lambda value: value is not _MISSING,
    "absent": lambda value: value is _MISSING,
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "number": lambda value: _is_integer(value) or isinstance(value, float),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "time": _is_time,
}


def _said(path: str, wanted: str, value: Any) -> str:
    came = "nothing is there" if value is _MISSING else f"came {_shown(value)}"
    return f"{path or 'it'}: expected {wanted}, {came}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
