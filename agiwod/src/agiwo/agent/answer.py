"""One answer of a model while it comes in: streams its pieces, and is whole at the end. Makes no request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from agiwo.durable import StepScope
from agiwo.loop.items import message_item, reasoning_item
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.event import NewEvent
from agiwo.schema.run import Usage
from agiwo.schema.text import decodable
from agiwo.tool.nesting import write_json


@dataclass(slots=True)
class _Call:
    """A tool call as its fragments arrive."""

    item: str
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])
    is_open: bool = False


class Answer:
    """What one request gave so far. `now` is asked when it is made, and when the first piece comes."""

    def __init__(self, scope: StepScope, turn: str, now: Callable[[], float]) -> None:
        self._scope, self._now = scope, now
        self._started_at = now()
        self._first_at: float | None = None
        self._prefix = f"{scope.run.id}.{turn}"
        self._message, self._thought = f"{self._prefix}.message", f"{self._prefix}.reasoning"
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._signature: str | None = None
        self._finish_reason: str | None = None
        self.usage: Usage | None = None

    @property
    def said(self) -> list[str]:
        """Everything that the model said, thought and asked for, in pieces."""
        calls = [piece for call in self._calls.values() for piece in (call.name, *call.arguments)]
        return [*self._text, *self._reasoning, *calls]

    def take(self, chunk: StreamChunk) -> None:
        """Add a piece, and show it to the readers."""
        if self._first_at is None:
            self._first_at = self._now()
        if chunk.content:
            if not self._text:
                self._scope.open(self._message, "agentMessage")
            said = decodable(chunk.content)
            self._text.append(said)
            self._scope.delta(self._message, "text", said)
        if chunk.reasoning_content:
            if not self._reasoning:
                self._scope.open(self._thought, "reasoning")
            thought = decodable(chunk.reasoning_content)
            self._reasoning.append(thought)
            self._scope.delta(self._thought, "reasoning", thought)
        for fragment in chunk.tool_calls or ():
            self._take_fragment(fragment)
        if chunk.usage is not None:
            self.usage = chunk.usage
        self._signature = chunk.signature or self._signature
        self._finish_reason = chunk.finish_reason or self._finish_reason

    def _take_fragment(self, fragment: Mapping[str, Any]) -> None:
        index = fragment.get("index", len(self._calls))
        call = self._calls.get(index)
        if call is None:
            call = self._calls[index] = _Call(f"{self._prefix}.{len(self._calls)}")
        function: Mapping[str, Any] = fragment.get("function") or {}
        call.id = call.id or _word(fragment.get("id"))
        call.name = call.name or _word(function.get("name"))
        if call.name and not call.is_open:
            call.is_open = True
            self._scope.open(call.item, "toolCall", callId=call.id, name=call.name)
        if arguments := function.get("arguments"):
            # Some servers give them as the object that they are, and not as its text.
            text = decodable(arguments) if isinstance(arguments, str) else orjson.dumps(arguments).decode()
            call.arguments.append(text)
            if call.is_open:
                self._scope.delta(call.item, "toolArguments", text)

    def value(self, steering: list[dict[str, Any]]) -> dict[str, Any]:
        """The whole answer, as it is recorded."""
        return {
            "text": "".join(self._text),
            "reasoning": "".join(self._reasoning),
            "signature": self._signature,
            "toolCalls": self._tool_calls(),
            "finishReason": self._finish_reason,
            "usage": (self.usage or Usage()).to_json(),
            "steering": steering,
            "startedAt": self._started_at,
            "firstAt": self._first_at,
        }

    def _tool_calls(self) -> list[dict[str, Any]]:
        """The calls in order; a missing or repeated id gets one of ours, so that results can be told apart."""
        seen: set[str] = set()
        calls: list[dict[str, Any]] = []
        for number, call in enumerate(self._calls.values()):
            id = call.id if call.id and call.id not in seen else f"call_{self._prefix}.{number}"
            seen.add(id)
            arguments = "".join(call.arguments)
            calls.append({"id": id, "name": call.name, "arguments": arguments, "valid": _is_object(arguments)})
        return calls

    def items(self) -> list[NewEvent]:
        """The completed items; tool calls complete when they have run."""
        items: list[NewEvent] = []
        if self._reasoning:
            items.append(reasoning_item(self._thought, "".join(self._reasoning)))
        if self._text or not self._calls:
            text, usage = "".join(self._text), (self.usage or Usage()).to_json()
            items.append(message_item(self._message, text, self._finish_reason, usage))
        return items


def _word(value: object) -> str:
    """An id or a name, which a server may give as a number."""
    return "" if value is None else decodable(str(value))


def _is_object(text: str) -> bool:
    """Whether it is an object, and none so deep that it can be read and never be written again."""
    try:
        arguments: Any = orjson.loads(text or "{}")
        write_json(arguments)
    except (orjson.JSONDecodeError, TypeError):
        return False
    return isinstance(arguments, dict)
