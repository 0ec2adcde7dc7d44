"""What a setting may be, and the error that says so. Knows no setting."""

import math
from collections.abc import Mapping
from typing import TypeGuard

from agiwo.errors import ConfigError

_MOST = 2**63 - 1
"""The largest number that a record can hold."""


def require_whole(name: str, value: object, least: int = 1, *, optional: bool = False) -> None:
    """Nothing, when the value is a whole number of at least `least` that a record can hold; or None, if `optional`.

    Raises:
        ConfigError: it is something else, True and False too.
    """
    if (optional and value is None) or (_is_whole(value) and least <= value <= _MOST):
        return
    is_large = _is_whole(value) and value > _MOST
    raise _wrong(name, value, f"a whole number of at {f'most {_MOST}' if is_large else f'least {least}'}", optional)


def require_above(name: str, value: object, limit: float = 0, *, optional: bool = False) -> None:
    """Nothing, when the value is a finite number above `limit`; or None, if it is `optional`.

    Raises:
        ConfigError: it is something else, True and False too.
    """
    if not (optional and value is None) and not (_is_number(value) and limit < value < math.inf):
        raise _wrong(name, value, f"a number above {limit:g}", optional)


def require_between(name: str, value: object, least: float, most: float = math.inf, *, optional: bool = False) -> None:
    """Nothing, when the value is a finite number of at least `least` and at most `most`; or None, if it is `optional`.

    Raises:
        ConfigError: it is something else, True and False too.
    """
    if (optional and value is None) or (_is_number(value) and least <= value <= most and value != math.inf):
        return
    wanted = f"a number of at least {least:g}" if most == math.inf else f"a number between {least:g} and {most:g}"
    raise _wrong(name, value, wanted, optional)


def require_kind(name: str, value: object, *kinds: type, optional: bool = False) -> None:
    """Nothing, when the value is an object of one of these classes; or None, if it is `optional`.

    Raises:
        ConfigError: it is not.
    """
    if not (optional and value is None) and not isinstance(value, kinds):
        raise _wrong(
            name, value, " or ".join(_WORDS.get(kind, f"an object of {kind.__name__}") for kind in kinds), optional
        )


_WORDS: dict[type, str] = {
    str: "text",
    bool: "True or False",
    int: "a whole number",
    Mapping: "a mapping",
    list: "a list",
}


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(name: str, value: object, wanted: str, optional: bool) -> ConfigError:
    return ConfigError(f"{name} is {value!r:.100}; it must be {wanted}{', or None' if optional else ''}")
