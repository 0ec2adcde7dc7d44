"""A conversation as every provider takes it, whatever interrupted it. Knows no wire; changes no message it is given.

Each tool call has exactly one result, right behind the answer that made it; its id is one that the wire allows, and no
other call's; its name is one that a tool can have, its arguments are an object. A silent answer is left out.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import orjson

from agiwo.llm.base import Message

CUT_OFF = "There is no result: the call was interrupted."
"""What stands for a result that never came."""

_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST = 64
"""Characters that every provider takes in the name of a tool."""


class Repair:
    """Puts conversations right for one wire. `legal_id` is what the wire takes for the id of a call.

    With `alternates` the user has one message where there were several in a row, as after a run that was cancelled:
    many servers write conversations with templates that take no two.

    It knows the last conversation that had no fault, so that one that has grown since costs no more than what is new.
    """

    def __init__(self, legal_id: re.Pattern[str], *, alternates: bool = False) -> None:
        self._legal_id, self._alternates = legal_id, alternates
        self._known: list[Message] = []
        self._ids: set[str] = set()

    def __call__(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The conversation, with what is wrong in it put right; these very messages when nothing is."""
        if has_grown(self._known, messages) and self._is_sound(messages, len(self._known)):
            return messages
        self._known, self._ids = [], set()
        if self._is_sound(messages, 0):
            return messages
        turns = _turns(messages, self._legal_id)
        return list(_joined(turns) if self._alternates else turns)

    def _is_sound(self, messages: Sequence[Message], start: int) -> bool:
        # Asked for every request, and nearly always true: so it is a few passes that cost little, and parses nothing.
        new = messages[start:]
        answers = [(place, each["tool_calls"]) for place, each in enumerate(new) if each.get("tool_calls")]
        due = [(place + nth, call.get("id") or "") for place, made in answers for nth, call in enumerate(made, 1)]
        ids, names = {id for _, id in due}, {call["function"].get("name") for _, made in answers for call in made}
        is_sound = (
            due == [(place, each.get("tool_call_id")) for place, each in enumerate(new) if each["role"] == "tool"]
            and len(ids) == len(due)
            and self._ids.isdisjoint(ids)
            and all(map(self._legal_id.fullmatch, ids))
            and all(name == _legal_name(name) for name in names)
            and all(_looks_like_an_object(call["function"].get("arguments")) for _, made in answers for call in made)
            and not any(map(_is_silent, new))
            and not (
                self._alternates and any(_are_the_users(*pair) for pair in pairwise(messages[max(0, start - 1) :]))
            )
        )
        if is_sound:
            self._known, self._ids = list(messages), self._ids | ids
        return is_sound


def has_grown(known: Sequence[Message], messages: Sequence[Message]) -> bool:
    """Whether a conversation begins with all of another one; quick when they are made of the same messages."""
    return len(known) <= len(messages) and messages[: len(known)] == known


def is_object(arguments: Any) -> bool:
    """Whether a call's arguments are the text of a JSON object."""
    try:
        return isinstance(orjson.loads(arguments), dict)
    except (orjson.JSONDecodeError, TypeError):
        return False


def _is_silent(message: Message) -> bool:
    return not message.get("content") and message["role"] == "assistant" and not message.get("tool_calls")


def _are_the_users(one: Message, other: Message) -> bool:
    return one["role"] == other["role"] == "user"


def _looks_like_an_object(arguments: Any) -> bool:
    return isinstance(arguments, str) and arguments[:1] == "{" and arguments[-1:] == "}"


def _turns(messages: Sequence[Message], legal_id: re.Pattern[str]) -> Iterator[Message]:
    seen: set[str] = set()
    for place, message in enumerate(messages):
        role = message["role"]
        if role == "assistant":
            calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or ()
            if calls:
                yield from _with_results(message, calls, _results_behind(messages, place), legal_id, seen)
            elif message.get("content"):
                yield message
        elif role != "tool":
            yield message


def _joined(messages: Iterable[Message]) -> Iterator[Message]:
    """The messages, with what the user said in several in a row in one."""
    waiting: Message | None = None
    for message in messages:
        if waiting is not None and _are_the_users(waiting, message):
            waiting = {**waiting, "content": _both(waiting.get("content"), message.get("content"))}
            continue
        if waiting is not None:
            yield waiting
        waiting = message
    if waiting is not None:
        yield waiting


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, str) and isinstance(other, str):
        return f"{one}\n\n{other}"
    return [*_parts(one), *_parts(other)]


def _parts(content: Any) -> Sequence[Any]:
    return cast(list[Any], content) if isinstance(content, list) else [{"type": "text", "text": content or ""}]


def _results_behind(messages: Sequence[Message], place: int) -> list[Message]:
    """The results that came before the next answer, whatever was said between them."""
    found: list[Message] = []
    for message in messages[place + 1 :]:
        if message["role"] == "assistant":
            break
        if message["role"] == "tool":
            found.append(message)
    return found


def _with_results(
    message: Message,
    calls: Sequence[Mapping[str, Any]],
    results: list[Message],
    legal_id: re.Pattern[str],
    seen: set[str],
) -> Iterator[Message]:
    ids = [_legal(str(call.get("id") or ""), legal_id, seen) for call in calls]
    pairs = list(zip(calls, ids, strict=True))
    yield {**message, "tool_calls": [_call(call, id) for call, id in pairs]}
    for call, id in pairs:
        result = next((each for each in results if each.get("tool_call_id") == call.get("id")), None)
        if result is not None:
            results.remove(result)
        yield {"role": "tool", "content": CUT_OFF, **(result or {}), "tool_call_id": id}


def _call(call: Mapping[str, Any], id: str) -> dict[str, Any]:
    function = call["function"]
    name, arguments = _legal_name(function.get("name")), function.get("arguments")
    legal = {**function, "name": name, "arguments": arguments if is_object(arguments) else "{}"}
    return {**call, "id": id, "function": legal}


def _legal_name(name: Any) -> str:
    """What of the name a provider takes: models call tools that there are not, by names that no tool can have."""
    return _ILLEGAL.sub("_", str(name or "unknown"))[:_LONGEST]


def _legal(id: str, legal_id: re.Pattern[str], seen: set[str]) -> str:
    """The id, or one made of it: the same in every request, since providers cache what they have read."""
    name, number = id, 0
    while name in seen or not legal_id.fullmatch(name):
        name = "call_" + hashlib.blake2b(f"{id} {number}".encode(), digest_size=12).hexdigest()
        number += 1
    seen.add(name)
    return name
