"""A run's events as an editor is told them: a fold from events to `session/update`. Follows no run itself.

Nothing can be taken back in ACP: what a later attempt says anew is a message of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from agiwo.schema.event import (
    APPROVAL_REQUESTED,
    APPROVAL_RESOLVED,
    ITEM_COMPLETED,
    ITEM_DELTA,
    ITEM_STARTED,
    RUN_RETRYING,
    Event,
)

from agiwod.face.acp.plan_tool import PLAN_TOOL
from agiwod.face.acp.prompt import blocks_of
from agiwod.face.acp.shapes import Json
from agiwod.face.acp.tool_calls import described, ended, members, text_content

_CHUNKS: Final[Mapping[str, str]] = {
    "text": "agent_message_chunk",
    "reasoning": "agent_thought_chunk",
    "agentMessage": "agent_message_chunk",
}
"""What the streams of items, and items, are told as."""

_SHOWN: Final = 8000
"""Characters from the end of what a tool writes while it runs: each update holds all that is shown."""


@dataclass(slots=True)
class _Message:
    """How much of a message was told: that many characters of the attempt."""

    attempt: int = 1
    length: int = 0


@dataclass(slots=True)
class _Call:
    """A tool call that was announced: its arguments as they come, and the end of what it writes.

    One that `has_terminal` is shown there.
    """

    name: str
    arguments: str = ""
    written: str = ""
    is_described: bool = False
    has_terminal: bool = False


class Updates:
    """What one session's editor is told. `send` takes the content of a `session/update`.

    `window` tells how many tokens the model takes at once, as far as that is known.
    """

    def __init__(self, send: Callable[[Json], None], cwd: str | None) -> None:
        self._send, self.cwd = send, cwd
        self.window: Callable[[], int | None] = lambda: None
        self._cost = 0.0
        self._messages: dict[str, _Message] = {}
        self._calls: dict[str, _Call] = {}

    def take(self, event: Event, *, is_below: bool = False) -> None:
        """Tell what an event says. Of a run that `is_below` another only the tool calls are told."""
        item, data = event.item or "", event.data
        if event.type == ITEM_STARTED and data["kind"] == "toolCall":
            self._announce(item, data.get("name", ""))
        elif event.type == ITEM_DELTA:
            self._grow(item, data, is_below=is_below)
        elif event.type == ITEM_COMPLETED:
            self.complete(item, data, is_below=is_below)
        elif event.type == APPROVAL_REQUESTED:
            self.describe(item, data["subject"]["name"], data["subject"]["arguments"], status="pending")
        elif event.type == APPROVAL_RESOLVED:
            self._resolved(item, data)
        elif event.type == RUN_RETRYING and not is_below:
            self._chunk("agent_thought_chunk", f"{event.run}.{event.seq}", f"[asked again: {data.get('reason', '')}]\n")

    def describe(self, item: str, name: str, arguments: Any, *, status: str) -> None:
        """Tell what a call is to do, as far as that was not told, and where it stands."""
        self._announce(item, name)
        call = self._calls.get(item)
        if call is None:
            return
        told = {} if call.is_described else described(name, arguments, self.cwd)
        call.is_described = True
        self.update_call(item, **told, status=status)

    def show_terminal(self, item: str, terminal: str) -> None:
        """Tell in which terminal of the editor's a call runs."""
        if call := self._calls.get(item):
            call.has_terminal = True
            self.update_call(item, content=[{"type": "terminal", "terminalId": terminal}])

    def update_call(self, item: str, **told: Any) -> None:
        """Tell something about a call that was announced."""
        self._send({"sessionUpdate": "tool_call_update", "toolCallId": item, **told})

    def complete(self, item: str, data: Mapping[str, Any], *, is_below: bool = False) -> None:
        """Tell a whole item, as far as it was not told."""
        kind = data["kind"]
        if kind == "toolCall":
            self._complete_call(item, data)
        elif is_below:
            return
        elif kind == "userMessage":
            for block in blocks_of(data["content"]):
                self._send({"sessionUpdate": "user_message_chunk", "messageId": item, "content": block})
        elif kind == "plan":
            self._plan(data.get("steps"))
        elif kind in _CHUNKS:
            self._complete_message(_CHUNKS[kind], item, data.get("text"))
            self._count(data.get("usage"))

    def fail(self, event: Event) -> None:
        """Tell that a run has failed whose prompt is answered elsewhere."""
        error: Mapping[str, Any] = event.data.get("error") or {}
        self._chunk("agent_message_chunk", f"{event.run}.error", f"[failed: {error.get('message', '')}]")

    def _complete_message(self, update: str, item: str, text: Any) -> None:
        told = self._messages.pop(item, None) or _Message()
        if isinstance(text, str):
            self._chunk(update, _message_id(item, told.attempt), text[told.length :])
        elif text and not told.length:
            self._chunk(update, item, f"{text['head']}\n…\n{text['tail']}")

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        """Tell how full the conversation is, and what it has cost so far; nothing where nobody knows the size."""
        if usage is None:
            return
        self._cost += usage.get("costUsd") or 0.0
        if size := self.window():
            used = usage.get("inputTokens", 0) + usage.get("outputTokens", 0)
            cost = {"amount": round(self._cost, 6), "currency": "USD"}
            self._send({"sessionUpdate": "usage_update", "used": used, "size": size, "cost": cost})

    def _grow(self, item: str, data: Mapping[str, Any], *, is_below: bool) -> None:
        kind, text = data["kind"], data["text"]
        if kind in _CHUNKS and not is_below:
            told = self._messages.setdefault(item, _Message(data["attempt"]))
            if data["attempt"] != told.attempt:
                told = self._messages[item] = _Message(data["attempt"])
            told.length += len(text)
            self._chunk(_CHUNKS[kind], _message_id(item, told.attempt), text)
        elif call := self._calls.get(item):
            if kind == "toolArguments":
                self._argue(item, call, text, data["offset"])
            elif kind == "toolOutput":
                call.written = f"{call.written}{text}"[-_SHOWN:]
                self.update_call(item, status="in_progress", content=[text_content(call.written)])

    def _argue(self, item: str, call: _Call, text: str, offset: int) -> None:
        """Take more of the arguments of a call, and tell what it is to do once they are whole."""
        call.arguments = f"{call.arguments if offset else ''}{text}"
        if call.is_described or not text.endswith("}"):
            return
        try:
            arguments = orjson.loads(call.arguments)
        except orjson.JSONDecodeError:
            return
        self.describe(item, call.name, arguments, status="in_progress")

    def _announce(self, item: str, name: str) -> None:
        if item in self._calls or name == PLAN_TOOL:
            return
        self._calls[item] = _Call(name)
        told = {key: value for key, value in described(name, {}, self.cwd).items() if key in ("title", "kind")}
        self._send({"sessionUpdate": "tool_call", "toolCallId": item, **told, "status": "pending"})

    def _complete_call(self, item: str, data: Mapping[str, Any]) -> None:
        name, arguments, output = data["name"], data["arguments"], data["output"]
        if name == PLAN_TOOL:
            self._plan(members(arguments).get("steps"))
            return
        end = ended(name, arguments, output, self.cwd)
        call = self._calls.pop(item, None)
        if call and call.has_terminal:
            del end["content"]
        about = {} if call and call.is_described else described(name, arguments, self.cwd)
        told = {"toolCallId": item, **about, **end}
        self._send({"sessionUpdate": "tool_call_update" if call else "tool_call", **told})

    def _resolved(self, item: str, data: Mapping[str, Any]) -> None:
        """Tell who has answered a question; one that was allowed goes on."""
        meta = {"agiwod": {"approval": {name: data.get(name) for name in ("outcome", "by", "reason")}}}
        status = {"status": "in_progress"} if data["outcome"].startswith("allow") else {}
        if item in self._calls:
            self.update_call(item, **status, _meta=meta)

    def _plan(self, steps: object) -> None:
        listed = cast("list[object]", steps) if isinstance(steps, list) else []
        if entries := [_entry(members(step)) for step in listed]:
            self._send({"sessionUpdate": "plan", "entries": entries})

    def _chunk(self, update: str, message: str, text: str) -> None:
        if text:
            content = {"type": "text", "text": text}
            self._send({"sessionUpdate": update, "messageId": message, "content": content})


def _message_id(item: str, attempt: int) -> str:
    return item if attempt == 1 else f"{item}.{attempt}"


def _entry(step: Mapping[str, Any]) -> Json:
    status = step.get("status")
    return {
        "content": str(step.get("text", "")),
        "priority": step.get("priority") if step.get("priority") in ("high", "low") else "medium",
        "status": status if status in ("in_progress", "completed") else "pending",
    }
