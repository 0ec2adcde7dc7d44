"""A list that only grows: what names its content is made from what is new in it. Knows nothing of what it holds."""

from collections.abc import Iterable
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeVar, cast

import orjson

_T = TypeVar("_T")

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


class Growing(list[_T]):
    """A list of JSON data that is appended to and never changed otherwise."""

    def __init__(self, items: Iterable[_T] = ()) -> None:
        super().__init__(items)
        self._sum, self._summed = b"", 0

    @property
    def digest(self) -> str:
        """A short name for the content: equal lists have the same, however they came about."""
        self._sum_up()
        return self._sum.hex()

    def _sum_up(self) -> None:
        for item in islice(self, self._summed, None):
            self._sum = blake2b(self._sum + orjson.dumps(item, default=repr, option=_OPTIONS), digest_size=12).digest()
        self._summed = len(self)

    def copy(self) -> "Growing[_T]":
        """Another list of the same content, for less than it would cost anew."""
        self._sum_up()  # here, where it stays: the copies are many, and each would do it again
        other = Growing(self)
        other._sum, other._summed = self._sum, self._summed
        return other


def plain(value: Any) -> Any:
    """What stands for a value in a digest, where JSON has no form for it."""
    if isinstance(value, Growing):
        return value.digest
    match value:
        case str():
            return str(value)
        case int():
            return int(value)
        case dict():
            return dict(cast("dict[Any, Any]", value))
        case list():
            return list(cast("list[Any]", value))
        case _:
            return repr(value)
