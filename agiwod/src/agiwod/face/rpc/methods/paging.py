"""A page of a list that is at hand as a whole, and where the next one begins."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from agiwo_protocol.contract import Page
from agiwo_protocol.errors import InvalidParams

T = TypeVar("T")


def page(things: Sequence[T], params: Page, name: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """The things after the one that the cursor names, and the next cursor if more follow.

    Raises:
        InvalidParams: nothing has the cursor's name.
    """
    start = 0
    if params.cursor is not None:
        places = [place for place, thing in enumerate(things) if name(thing) == params.cursor]
        if not places:
            errors = [{"path": "cursor", "message": "it is none of this list's cursors"}]
            raise InvalidParams("the params do not fit the method", errors=errors)
        start = places[0] + 1
    return cut(things[start : start + params.limit + 1], params, name)


def cut(things: Sequence[T], params: Page, name: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """A page out of one thing more than it may hold, and the next cursor if that one was there."""
    shown = things[: params.limit]
    return shown, name(shown[-1]) if len(things) > len(shown) else None
