"""Completed items, as events. Pure data."""

from collections.abc import Mapping
from typing import Any

import orjson

from agiwo.loop.history import CUT_OFF
from agiwo.schema.event import ITEM_COMPLETED, NewEvent
from agiwo.tool.nesting import write_json


def message_item(item: str, text: str, finish_reason: str | None, usage: Mapping[str, Any] | None = None) -> NewEvent:
    """What the agent said."""
    data: dict[str, Any] = {"kind": "agentMessage", "text": text, "finishReason": finish_reason}
    if usage is not None:
        data["usage"] = usage
    return NewEvent(ITEM_COMPLETED, data, item)


def reasoning_item(item: str, text: str) -> NewEvent:
    """What the model thought."""
    return NewEvent(ITEM_COMPLETED, {"kind": "reasoning", "text": text}, item)


def steering_item(item: str, content: Any) -> NewEvent:
    """What a user said while the run was going on."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return NewEvent(ITEM_COMPLETED, {"kind": "userMessage", "content": parts}, item)


def compaction_item(item: str, value: Mapping[str, Any]) -> NewEvent:
    """What takes the place of the older part of the conversation, and of how many messages."""
    data = {"kind": "compaction", "text": value["summary"], "replaced": value["replaced"]}
    return NewEvent(ITEM_COMPLETED, data, item)


def tool_call_item(item: str, call: Mapping[str, Any], output: Mapping[str, Any], duration_ms: int = 0) -> NewEvent:
    """A tool call with its output."""
    data = {
        "kind": "toolCall",
        "callId": call["id"],
        "name": call["name"],
        "arguments": parsed_arguments(call["arguments"]),
        "output": output,
        "durationMs": duration_ms,
    }
    return NewEvent(ITEM_COMPLETED, data, item)


def closed_item(item: Mapping[str, Any], cause: str) -> NewEvent:
    """An open item as it was when its step ended without it: with what was streamed so far"""
    streams: Mapping[str, str] = item["streams"]
    reason = {"cancel": "cancelled"}.get(cause, cause)
    if item["kind"] == "toolCall":
        call = {"id": item["data"].get("callId", ""), "name": item["data"].get("name", "")}
        output = {"content": CUT_OFF, "isError": True}
        return tool_call_item(item["id"], {**call, "arguments": streams.get("toolArguments", "")}, output)
    text = streams.get("text") or streams.get("reasoning") or ""
    data = {"kind": item["kind"], "text": text, "finishReason": reason}
    return NewEvent(ITEM_COMPLETED, data, item["id"])


def parsed_arguments(text: str) -> Any:
    """The arguments as JSON, or as they came when they are none or are nested too deeply for a record."""
    try:
        arguments = orjson.loads(text or "{}")
        write_json(arguments)
    except (orjson.JSONDecodeError, TypeError):
        return text
    return arguments
