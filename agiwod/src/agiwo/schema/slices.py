"""Big values in slices, for whoever works on them beside the event loop. Does no work on them.

One call that writes, searches or encodes all of a big value lets no other thread go on before its end; many short
ones do.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

LIGHT = 256 * 1024
"""What a value may weigh to be worked on at once, which takes a few milliseconds."""

_NODE = 8
"""The weight of a value itself, beside the characters that it has."""

_DEEPEST = 100
"""Levels that are looked into for light parts."""

Write = Callable[[Any], bytes]
"""Writes a value as JSON."""


def is_light(value: object) -> bool:
    """Whether the value can be worked on at once; looks at no more of it than that takes."""
    return _weight(value) <= LIGHT


def texts(text: str) -> Iterator[str]:
    """The text in slices, none of which ends between the halves of a pair."""
    at = 0
    while at < len(text):
        end = at + LIGHT
        if end < len(text) and "\ud800" <= text[end - 1] <= "\udbff":
            end += 1
        yield text[at:end]
        at = end


def json_slices(value: object, write: Write) -> Iterator[bytes]:
    """The value as JSON, of which `write` writes one light part after another.

    Raises:
        TypeError: it goes round in a circle, or is nested too deeply; or whatever `write` raises.
    """
    return iter([write(value)]) if is_light(value) else _slices(value, write, ())


def _slices(value: object, write: Write, above: tuple[int, ...]) -> Iterator[bytes]:
    """What is not light, in slices; `above` are the ids of what it stands in."""
    if id(value) in above:
        raise TypeError("it goes round in a circle")
    if len(above) > _DEEPEST:
        raise TypeError(f"it is nested more than {_DEEPEST} levels deep")
    above = (*above, id(value))
    if isinstance(value, str):
        yield from _quoted(value, write)
    elif isinstance(value, dict):
        yield from _object(cast(dict[object, object], value), write, above)
    elif isinstance(value, list | tuple):
        yield from _array(cast(list[object], value), write, above)
    else:
        yield write(value)


def _quoted(text: str, write: Write) -> Iterator[bytes]:
    yield b'"'
    for piece in texts(text):
        yield write(piece)[1:-1]
    yield b'"'


def _object(members: Mapping[object, object], write: Write, above: tuple[int, ...]) -> Iterator[bytes]:
    opening, group, left = b"{", dict[object, object](), LIGHT
    for key, value in members.items():
        weight = _weight(key) + _weight(value)
        if group and weight > left:
            yield opening + write(group)[1:-1]
            opening, group, left = b",", {}, LIGHT
        if weight > LIGHT:
            yield opening + write({key: None})[1:-5]
            yield from _slices(value, write, above)
            opening = b","
        else:
            group[key] = value
            left -= weight
    yield opening + write(group)[1:] if group else b"}"


def _array(members: list[object], write: Write, above: tuple[int, ...]) -> Iterator[bytes]:
    opening, group, left = b"[", list[object](), LIGHT
    for value in members:
        weight = _weight(value)
        if group and weight > left:
            yield opening + write(group)[1:-1]
            opening, group, left = b",", [], LIGHT
        if weight > LIGHT:
            yield opening
            yield from _slices(value, write, above)
            opening = b","
        else:
            group.append(value)
            left -= weight
    yield opening + write(group)[1:] if group else b"]"


def _weight(value: object) -> int:
    """About how many characters the value has as JSON; of one that is not light, something above that."""
    if isinstance(value, str):
        return _NODE + len(value)
    weight, waiting = 0, [value]
    while waiting and weight <= LIGHT:
        each: Any = waiting.pop()
        weight += _NODE
        if isinstance(each, str):
            weight += len(each)
        elif isinstance(each, dict | list | tuple):
            weight += _NODE * len(cast(list[object], each))
            if weight <= LIGHT:
                waiting += _inside(each)
    return weight


def _inside(container: Any) -> list[object]:
    if isinstance(container, dict):
        members = cast(dict[object, object], container)
        return [*members, *members.values()]
    return container
