"""A conversation as every provider takes it, whatever interrupted it. Knows no wire; changes no message it is given.

Each tool call has exactly one result, right behind the answer that made it; its id is one that the wire allows, and no
other call's; its arguments are an object. An answer that says nothing is left out.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from agiwo.llm.base import Message

CUT_OFF = "There is no result: the call was interrupted."
"""What stands for a result that never came."""


def repaired(messages: Sequence[Message], legal_id: re.Pattern[str]) -> Sequence[Message]:
    """The conversation, with what is wrong in it put right; these very messages when nothing is."""
    return messages if _is_sound(messages, legal_id) else list(_turns(messages, legal_id))


def is_object(arguments: Any) -> bool:
    """Whether a call's arguments are the text of a JSON object."""
    try:
        return isinstance(orjson.loads(arguments), dict)
    except (orjson.JSONDecodeError, TypeError):
        return False


def _is_sound(messages: Iterable[Message], legal_id: re.Pattern[str]) -> bool:
    # Looked at for every request, and nearly always true: so it is one pass, and parses nothing.
    due: list[str] = []
    seen: set[str] = set()
    for message in messages:
        role = message["role"]
        if role == "tool":
            if not due or due.pop(0) != message.get("tool_call_id"):
                return False
            continue
        if due:
            return False
        if role == "assistant":
            calls = message.get("tool_calls")
            if not calls:
                if not message.get("content"):
                    return False
                continue
            for call in calls:
                id, arguments = call.get("id"), call["function"].get("arguments")
                if not id or id in seen or not legal_id.fullmatch(id) or not _looks_like_an_object(arguments):
                    return False
                seen.add(id)
                due.append(id)
    return not due


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
    arguments = function.get("arguments")
    return {**call, "id": id, "function": {**function, "arguments": arguments if is_object(arguments) else "{}"}}


def _legal(id: str, legal_id: re.Pattern[str], seen: set[str]) -> str:
    """The id, or one made of it: the same in every request, since providers cache what they have read."""
    name, number = id, 0
    while name in seen or not legal_id.fullmatch(name):
        name = "call_" + hashlib.blake2b(f"{id} {number}".encode(), digest_size=12).hexdigest()
        number += 1
    seen.add(name)
    return name
