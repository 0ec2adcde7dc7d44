"""What providers of chat completions refuse in a request, all that any of them refuses together. Is no model."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import orjson

_LEGAL_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_LEGAL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KNOWN = {"role", "content", "name", "tool_calls", "tool_call_id"}


def faults_of(body: Mapping[str, Any], *, thoughts: bool = False) -> Iterator[str]:
    """What is wrong with a request; with `thoughts`, each answer in it must have those that it was given with."""
    said = [each for each in body["messages"] if each["role"] != "system"]
    yield from _order(said)
    yield from _results(said)
    for message in said:
        if message["role"] == "assistant" and thoughts != isinstance(message.get("reasoning_content"), str):
            yield "the reasoning_content must be passed back" if thoughts else "reasoning_content is not known"
        if unknown := message.keys() - _KNOWN - {"reasoning_content"}:
            yield f"unknown fields {unknown}"
        if not message.get("content") and not message.get("tool_calls"):
            yield f"a message of {message['role']} has no content"


def _order(said: list[Mapping[str, Any]]) -> Iterator[str]:
    """The templates of many models, which servers write conversations with, take no role twice in a row."""
    roles = [each["role"] for each in said]
    if roles[:1] != ["user"] or roles[-1] == "assistant":
        yield "the conversation does not go from the user to the model"
    if any(one == other != "tool" for one, other in pairwise(roles)):
        yield f"roles must alternate user/assistant/user/assistant, and are {roles}"


def _results(said: list[Mapping[str, Any]]) -> Iterator[str]:
    """Each call has one result, right behind the answer that made it, and an id of its own."""
    ids: list[str] = []
    due: list[str] = []
    for message in said:
        if message["role"] == "tool":
            if message["tool_call_id"] not in due:
                yield f"a result for no call: {message['tool_call_id']}"
            due = [id for id in due if id != message["tool_call_id"]]
            continue
        if due:
            yield f"no results for {due}"
        due = [call["id"] for call in message.get("tool_calls") or ()]
        ids += due
        for call in message.get("tool_calls") or ():
            if not isinstance(orjson.loads(call["function"]["arguments"]), dict):
                yield "the arguments of a call are not an object"
            if not _LEGAL_NAME.fullmatch(call["function"]["name"]):
                yield f"no tool can have the name {call['function']['name']!r}"
    if due:
        yield f"no results for {due}"
    if len(set(ids)) != len(ids) or not all(map(_LEGAL_ID.fullmatch, ids)):
        yield f"ids of calls are not unique or not legal: {ids}"
