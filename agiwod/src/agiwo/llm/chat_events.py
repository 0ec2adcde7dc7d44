"""The events of one answer on the wire of chat completions, as chunks. Reads no bytes."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from agiwo.llm.told_tokens import told_tokens
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import Usage


class ChatEvents:
    """What makes chunks of one answer's events, and remembers whether the model refuses."""

    __slots__ = ("_refuses",)

    def __init__(self) -> None:
        self._refuses = False

    def read(self, event: Any) -> StreamChunk | None:
        """One event as a chunk; None when it says nothing (the role, an empty delta)."""
        content = reasoning = calls = finish = None
        usage = event.get("usage")
        if choices := event.get("choices"):
            choice = choices[0]
            finish = choice.get("finish_reason")
            if delta := choice.get("delta"):
                content = delta.get("content")
                if type(content) is str and content and len(delta) == 1 and not finish and not usage:
                    return StreamChunk(content)  # nearly every event of an answer
                if refusal := delta.get("refusal"):
                    self._refuses, content = True, content or refusal
                reasoning = delta.get("reasoning_content") or delta.get("reasoning")
                calls = delta.get("tool_calls")
        if not (content or reasoning or calls or finish or usage):
            return None
        return StreamChunk(
            _text(content),
            _text(reasoning),
            _indexed(calls) if calls else None,
            read_usage(usage) if usage else None,
            self._finish(_text(finish)),
        )

    def _finish(self, reason: str | None) -> str | None:
        # The wire says of a refusal that it came to its end, as of any answer.
        return "content_filter" if reason == "stop" and self._refuses else reason


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """The tokens of a request, from what the wire calls prompt and completion."""
    prompt: Mapping[str, Any] = usage.get("prompt_tokens_details") or {}
    completion: Mapping[str, Any] = usage.get("completion_tokens_details") or {}
    cached = prompt.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")
    return Usage(
        input_tokens=told_tokens(usage.get("prompt_tokens")),
        output_tokens=told_tokens(usage.get("completion_tokens")),
        cached_tokens=told_tokens(cached),
        reasoning_tokens=told_tokens(completion.get("reasoning_tokens")),
        cache_write_tokens=told_tokens(prompt.get("cache_write_tokens")),
    )


def _text(value: Any) -> str | None:
    if not value:
        return None
    if not isinstance(value, str):
        raise TypeError("text is expected here")
    return value


def _indexed(calls: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Fragments with an index each; servers that send calls whole may leave it out."""
    for call in calls:
        function: Any = call.get("function") or {}
        if not isinstance(call.get("index"), int | str | None):
            raise TypeError("the place of a call is expected here")
        orjson.dumps(function.get("arguments"))  # what cannot be written cannot be kept
    if all(call.get("index") is not None for call in calls):
        return calls
    return [{**call, "index": place} for place, call in enumerate(calls)]
