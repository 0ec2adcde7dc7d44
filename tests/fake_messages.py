"""Anthropic's messages wire for `FakeProvider`: its events, and a provider as strict as the real one. Is no model."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fake_provider import Answer, Received, refuses


def named(name: str, **fields: Any) -> bytes:
    """One event, under its name."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def block(index: int, kind: str, *deltas: Mapping[str, Any], **fields: Any) -> list[bytes]:
    """A content block from its start to its stop."""
    start = named("content_block_start", index=index, content_block={"type": kind, **fields})
    pieces = [named("content_block_delta", index=index, delta=delta) for delta in deltas]
    return [start, *pieces, named("content_block_stop", index=index)]


def text(index: int, *texts: str) -> list[bytes]:
    """A block of text in these pieces."""
    return block(index, "text", *({"type": "text_delta", "text": each} for each in texts), text="")


def thought(index: int, signature: str, *texts: str) -> list[bytes]:
    """A thought in these pieces, and its signature."""
    deltas = [{"type": "thinking_delta", "thinking": each} for each in texts]
    signed = {"type": "signature_delta", "signature": signature}
    return block(index, "thinking", *deltas, signed, thinking="", signature="")


def call(index: int, id: str, name: str, *fragments: str) -> list[bytes]:
    """A tool call whose arguments come in these fragments."""
    deltas = [{"type": "input_json_delta", "partial_json": each} for each in ("", *fragments)]
    return block(index, "tool_use", *deltas, id=id, name=name, input={})


def start(**usage: Any) -> bytes:
    """How an answer begins."""
    message: dict[str, Any] = {"id": "msg_1", "role": "assistant", "usage": {"input_tokens": 7, **usage}}
    return named("message_start", message=message)


def end(reason: str, output: int = 1, **usage: Any) -> list[bytes]:
    """How an answer ends."""
    tokens = {"output_tokens": output, **usage}
    return [named("message_delta", delta={"stop_reason": reason}, usage=tokens), named("message_stop")]


def whole(*blocks: Sequence[bytes], reason: str = "end_turn") -> Answer:
    """A complete answer of these blocks."""
    return Answer([start(), *(event for block in blocks for event in block), *end(reason)])


def says(*texts: str) -> Answer:
    """A complete answer of these pieces of text."""
    return whole(text(0, *texts))


def strict(request: Received) -> Answer:
    """An answer if the request is one that the real provider takes, else its refusal."""
    faults = list(faults_of(request.body))
    if faults:
        return refuses(400, {"type": "error", "error": {"type": "invalid_request_error", "message": "; ".join(faults)}})
    return says("fine")


def faults_of(body: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a request."""
    messages = body["messages"]
    if [each["role"] for each in messages] != ["user", "assistant"] * (len(messages) // 2) + ["user"]:
        yield "the roles do not alternate from user to user"
    ids: list[str] = []
    open_calls: list[str] = []
    for message in messages:
        blocks = message["content"]
        results = [each["tool_use_id"] for each in blocks if each["type"] == "tool_result"]
        if sorted(results) != sorted(open_calls):
            yield f"results {results} for calls {open_calls}"
        if any(each["type"] == "tool_result" for each in blocks[len(results) :]):
            yield "a result stands behind something else"
        if not blocks or any(each["type"] == "text" and not each["text"].strip() for each in blocks):
            yield "text content blocks must be non-empty"
        open_calls = [each["id"] for each in blocks if each["type"] == "tool_use"]
        ids += open_calls
    if len(set(ids)) != len(ids) or any(not re.fullmatch("[a-zA-Z0-9_-]+", id) for id in ids):
        yield "tool_use ids are not unique or not legal"
    called = [each["name"] for message in messages for each in message["content"] if each["type"] == "tool_use"]
    if not all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in called):
        yield f"tools cannot have the names {called}"
    if ids and not body.get("tools"):
        yield "there are tool calls and no tools"
