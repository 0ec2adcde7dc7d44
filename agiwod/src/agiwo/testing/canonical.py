"""Requests in a form in which two that mean the same are equal, and as lines that people compare. Answers none."""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

from agiwo.llm.base import Message, Model, wanted_schema

Json = dict[str, Any]
"""A request as JSON data."""

_OTHER = frozenset(
    {"name", "api_key", "base_url", "retries", "timeouts", "fallback", "concurrency", "price", "turns", "repeat"}
    | {"idle_seconds", "structured"}
)
"""Fields of models that say how one is reached, what it costs, or what a scripted one answers; not what it is asked."""

_OUR_ID = re.compile(r"\b([a-z]{2,8})_[0-9a-hjkmnp-tv-z]{26}\b")
"""An id of a run, a session, a message: fresh in each run, wherever it stands."""

_WIDTH = 100
"""Characters of a line that is compared; a paragraph in one line would be one difference."""


def parameters_of(model: Model) -> Json:
    """What a model is asked with besides the conversation: its id, the temperature, the limits."""
    named = {each.name: getattr(model, each.name) for each in fields(model) if each.init and each.name not in _OTHER}
    return {name: value for name, value in named.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, cast(Mapping[str, Any], value).values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, cast(Sequence[Any], value)))
    return value is None or isinstance(value, str | int | float)


def model_request(
    parameters: Mapping[str, Any],
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] | None,
    options: Mapping[str, Any],
) -> Json:
    """A request to a model, with numbers in the place of ids."""
    names = _Names()
    for message in messages:
        names.meet(message)
    schema = wanted_schema.get()
    request = {
        "model": parameters,
        "messages": messages,
        "tools": tools or (),
        **({"options": options} if options else {}),
        **({"schema": schema} if schema else {}),
    }
    return names.applied(request)


def tool_request(name: str, arguments: Mapping[str, Any]) -> Json:
    """A call of a tool, with numbers in the place of ids."""
    return _Names().applied({"name": name, "arguments": arguments})


class _Names:
    """Names for ids, by the order in which they come: the first provider's id of a call becomes `call_1`."""

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def meet(self, message: Message) -> None:
        """Take up the ids of the tool calls in a message."""
        for call in message.get("tool_calls") or ():
            self._calls.setdefault(call.get("id", ""), f"call_{len(self._calls) + 1}")

    def applied(self, value: Any, member: str = "") -> Any:
        """The value as plain JSON data, with the names in it."""
        if isinstance(value, str):
            if member in ("id", "tool_call_id") and value in self._calls:
                return self._calls[value]
            return _OUR_ID.sub(self._named, value)
        if isinstance(value, Mapping):
            members = cast(Mapping[str, Any], value)
            return {name: self.applied(each, name) for name, each in members.items()}
        if isinstance(value, list | tuple):
            return [self.applied(each) for each in cast(Sequence[Any], value)]
        return value if value is None or isinstance(value, bool | int | float) else repr(value)

    def _named(self, found: re.Match[str]) -> str:
        return self._ids.setdefault(found[0], f"{found[1]}_{len(self._ids) + 1}")


def written(value: Any) -> str:
    """JSON data as one text, the same for equal data."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def lines_of(value: Any, indent: str = "") -> Iterator[str]:
    """JSON data as lines for people: a member a line, and long text as the lines that it has."""
    if isinstance(value, Mapping):
        for name, each in sorted(cast(Mapping[str, Any], value).items()):
            yield from _under(f"{indent}{name}:", each, indent)
    elif isinstance(value, list):
        for each in cast(list[Any], value):
            yield from _under(f"{indent}-", each, indent)
    else:
        yield from (indent + line for line in _text_lines(value))


def _under(head: str, value: Any, indent: str) -> Iterator[str]:
    is_short = not value or not isinstance(value, Mapping | list)
    below = _text_lines(value) if is_short else []
    if len(below) == 1:
        yield f"{head} {below[0]}"
        return
    yield head
    yield from lines_of(value, indent + "  ")


def _text_lines(value: Any) -> list[str]:
    if not isinstance(value, str):
        return [written(value)]
    return [
        piece
        for line in value.splitlines() or [""]
        for piece in textwrap.wrap(line, _WIDTH, drop_whitespace=False, break_on_hyphens=False) or [""]
    ]
