"""A conversation as Anthropic's wire wants it: blocks, turns that alternate, thoughts as they were signed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import orjson

from agiwo.errors import ModelError
from agiwo.llm.base import Message
from agiwo.llm.conversation import Repair, has_grown, is_object
from agiwo.llm.layout import Layout
from agiwo.llm.parts import Attachment, part_of

Block = dict[str, Any]

_LEGAL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_SYSTEM = ("system", "developer")

_GO_ON = "Go on."
"""What stands for the user where two answers follow one another, or the conversation begins or ends with one."""

_NOTHING = "(empty)"
"""What stands for a message without text, which this wire refuses."""


def system_text(messages: Sequence[Message]) -> str:
    """What stands above the conversation."""
    return "\n\n".join(text for each in messages if each["role"] in _SYSTEM and (text := _text(each.get("content"))))


class Writer:
    """Writes conversations. What has been written of one is not written again when it has grown."""

    def __init__(self) -> None:
        self._repair = Repair(_LEGAL_ID)
        self._known: list[Message] = []
        self._blocks: list[list[Block]] = []
        self._thoughts = False

    def turns(self, messages: Sequence[Message], *, thoughts: bool) -> list[dict[str, Any]]:
        """The turns, user's and model's one after the other. With `thoughts`, answers have the signed ones they had.

        Raises:
            ModelError: a file that this wire does not take.
        """
        repaired = self._repair(messages)
        if thoughts != self._thoughts or not has_grown(self._known, repaired):
            self._known, self._blocks, self._thoughts = [], [], thoughts
        new = [list(_blocks(each, thoughts=thoughts)) for each in repaired[len(self._known) :]]
        self._known, self._blocks = list(repaired), [*self._blocks, *new]
        return _alternating(repaired, self._blocks)


def _alternating(messages: Sequence[Message], blocks: Sequence[Sequence[Block]]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for message, said in zip(messages, blocks, strict=True):
        role = "assistant" if message["role"] == "assistant" else "user"
        last = turns[-1]["role"] if turns else "assistant"
        if not said:
            continue
        if last == role == "user":
            turns[-1]["content"] += said
            continue
        if last == role:
            turns.append(_user(_GO_ON))
        turns.append({"role": role, "content": list(said)})
    if not turns:
        turns.append(_user(_NOTHING))
    if turns[-1]["role"] == "assistant":
        turns.append(_user(_GO_ON))
    return turns


def tool_definitions(tools: Sequence[Mapping[str, Any]], said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields that tell of tools. Those that were called must be told of, although they may not be called now."""
    if tools:
        return {"tools": [_definition(tool["function"]) for tool in tools]}
    blocks = [block for turn in said for block in turn["content"]]
    called = sorted({block["name"] for block in blocks if block["type"] == "tool_use"})
    if not called:
        return {}
    return {"tools": [_definition({"name": name}) for name in called], "tool_choice": {"type": "none"}}


def _definition(function: Mapping[str, Any]) -> dict[str, Any]:
    schema: Mapping[str, Any] = function.get("parameters") or {}
    description = {"description": function["description"]} if function.get("description") else {}
    return {"name": function["name"], **description, "input_schema": {"type": "object", **schema}}


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _blocks(message: Message, *, thoughts: bool) -> Iterator[Block]:
    if message["role"] in _SYSTEM:
        return
    if message["role"] == "assistant":
        yield from _answer(message, thoughts=thoughts)
    elif message["role"] == "tool":
        result: Block = {"type": "tool_result", "tool_use_id": message["tool_call_id"]}
        text = _text(message.get("content"))
        yield {**result, "content": text} if text else result
    else:
        yield from _said(message.get("content"))


def _said(content: Any) -> Iterator[Block]:
    parts: Sequence[Any] = cast(list[Any], content) if isinstance(content, list) else [content or ""]
    for part in parts:
        shown = part if isinstance(part, str) else part_of(part)
        if isinstance(shown, Attachment):
            yield _attached(shown)
        elif shown.strip():
            yield {"type": "text", "text": shown}


def _attached(part: Attachment) -> Block:
    if part.is_text and part.data:
        return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": part.text()}}
    if not part.is_image and part.mime != "application/pdf" and not part.url:
        raise ModelError("bad_request", f"this wire takes images, PDF and text, and not {part.mime}", sent=False)
    source = {"type": "url", "url": part.url}
    if part.data:
        source = {"type": "base64", "media_type": part.mime, "data": part.data}
    return {"type": "image" if part.is_image else "document", "source": source}


def _text(content: Any) -> str:
    """The text of a message, whatever else is in it."""
    if not isinstance(content, list):
        return str(content or "").strip() and str(content)
    parts = [part_of(part) for part in cast(list[Mapping[str, Any]], content)]
    return "\n".join(part for part in parts if isinstance(part, str) and part.strip())


def _answer(message: Message, *, thoughts: bool) -> Iterator[Block]:
    content, reasoning = message.get("content") or "", message.get("reasoning_content") or ""
    text = content if isinstance(content, str) else _text(content)
    calls = [_call(call) for call in message.get("tool_calls") or ()]
    layout = Layout.of(message.get("reasoning_signature")) if thoughts else None
    if layout is not None and layout.fits(text, reasoning, len(calls)):
        yield from layout.blocks(text, reasoning, calls)
        return
    if text.strip():
        yield {"type": "text", "text": text}
    yield from calls


def _call(call: Mapping[str, Any]) -> Block:
    function, arguments = call["function"], call["function"]["arguments"]
    input: Mapping[str, Any] = orjson.loads(arguments) if is_object(arguments) else {}
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": input}
