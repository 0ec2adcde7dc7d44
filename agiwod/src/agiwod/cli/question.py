"""A question about a tool call in words: all of its arguments, and nothing in them that could deceive. Asks nobody."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from agiwo_protocol.approval import Approval, Outcome

from agiwod.cli.plain import visible

_SHORT: Final = 8
"""Characters of a digest that tell the few questions apart which are open at a time."""

OUTCOMES: Final[Mapping[Outcome, str]] = {
    "allow_once": "allowed",
    "allow_session": "allowed for this session",
    "deny": "not allowed",
    "cancelled": "not answered any more",
    "expired": "not answered in time",
}
"""How a question ended."""


def told(approval: Approval) -> list[str]:
    """The question, line by line: what would be done, whole, and why it is asked."""
    lines = [visible(approval.title)]
    for name, value in approval.subject.arguments.items():
        lines += _argument(visible(name), value)
    return [*lines, f"  (asked because: {visible(approval.reason)})"] if approval.reason else lines


def _argument(name: str, value: Any) -> Iterator[str]:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    first, *others = text.split("\n")
    yield f"  {name}: {visible(first)}"
    # With a mark before it no line of a text can pass for one of ours.
    yield from (f"  {' ' * len(name)}| {visible(each)}" for each in others)


def short(id: str, ids: Iterable[str]) -> str:
    """The fewest characters by which a question is found among `ids`: some of its digest, else the whole id."""
    name = _digest(id)[:_SHORT]
    return name if sum(1 for each in ids if _digest(each).startswith(name)) == 1 else id


def matching(given: str, ids: Iterable[str]) -> list[str]:
    """The ids that `given` may stand for: it is one, or how one or its digest begins."""
    found = [id for id in ids if id.startswith(given) or _digest(id).startswith(given)]
    return [given] if given in found else found


def _digest(id: str) -> str:
    return id.rpartition(":")[2]
