"""Anthropic's messages wire. Raw HTTP; knows no vendor's SDK. How a conversation is written is in `messages`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import orjson

from agiwo.llm.base import Message, Structured, wanted_schema
from agiwo.llm.endpoint import Endpoint, Vendor
from agiwo.llm.hosted import HostedModel
from agiwo.llm.layout import Layout
from agiwo.llm.messages import Writer, system_text, tool_definitions
from agiwo.llm.reading import Decode
from agiwo.llm.strict import closed_schema
from agiwo.llm.told_tokens import told_tokens
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import Usage

_MAX_TOKENS = 4096
"""What an answer may be long when nobody said: this wire wants a number."""

_FINISH: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}

_SONNET, _OPUS, _HAIKU = "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"


@dataclass
class AnthropicModel(HostedModel):
    """A model behind the messages wire: Anthropic's, or any server that speaks it.

    `temperature` and `top_p` are sent only when set, for newer models refuse them. `thinking` is True to let the model
    decide how much, a number of tokens, or False; `effort` is low, medium, high, … . Unless `prompt_cache` is off, the
    provider is asked to keep what it has read, so that the next step of a run need not pay for it again.
    """

    temperature: float | None = None
    top_p: float | None = None
    provider: str = "anthropic"
    structured: Structured = "schema"
    thinking: bool | int | None = None
    effort: str | None = None
    prompt_cache: bool = True

    VENDOR: ClassVar[Vendor] = Vendor("anthropic", "https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",))
    VERSION: ClassVar[str] = "2026-10-21"
    OPTIONAL: ClassVar[frozenset[str]] = frozenset({"cache_control", "output_config", "temperature", "top_p"})
    RENAMED: ClassVar[Mapping[str, str]] = {
        "claude-3-sonnet-20240229": _SONNET,
        "claude-3-5-sonnet-20240620": _SONNET,
        "claude-3-5-sonnet-20241022": _SONNET,
        "claude-3-5-sonnet-latest": _SONNET,
        "claude-3-7-sonnet-20250219": _SONNET,
        "claude-3-7-sonnet-latest": _SONNET,
        "claude-sonnet-4-0": _SONNET,
        "claude-sonnet-4-20250514": _SONNET,
        "claude-sonnet-4-5": _SONNET,
        "claude-sonnet-4-5-20250929": _SONNET,
        "claude-3-opus-20240229": _OPUS,
        "claude-opus-4-0": _OPUS,
        "claude-opus-4-20250514": _OPUS,
        "claude-3-haiku-20240307": _HAIKU,
        "claude-3-5-haiku-20241022": _HAIKU,
        "claude-3-5-haiku-latest": _HAIKU,
    }
    ENDS_WITH_FINISH: ClassVar[bool] = True
    STRUCTURED_BY: ClassVar[str] = "output_config"

    _writer: Writer = field(default_factory=Writer, init=False, repr=False, compare=False)

    def url(self, endpoint: Endpoint) -> str:
        """Where requests are posted; a base URL with the version path and one without it both work."""
        base = endpoint.base_url
        return f"{base}/messages" if base.endswith("/v1") else f"{base}/v1/messages"

    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """The headers of a request, with the key if there is one."""
        headers = {"content-type": "application/json", "anthropic-version": self.VERSION}
        if endpoint.api_key:
            headers["x-api-key"] = endpoint.api_key
        return headers

    def request(
        self, endpoint: Endpoint, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The body of a request, which becomes JSON."""
        said = self._writer.turns(messages, thoughts=self.thinking is not False)
        request: dict[str, Any] = {
            "model": self.id,
            "max_tokens": self.max_tokens or _MAX_TOKENS,
            "messages": said,
            "stream": True,
            **tool_definitions(tools, said),
        }
        if system := system_text(messages):
            request["system"] = system
        if output := self._output_config():
            request["output_config"] = output
        if self.prompt_cache:
            request["cache_control"] = {"type": "ephemeral"}
        self._set_thinking(request)
        return request

    def decoder(self) -> Decode:
        """What reads the events of one answer."""
        return _Events().decode

    def structures(self, schema: Mapping[str, Any]) -> Structured:
        """See `Model.structures`; a schema that this wire cannot hold an answer to is asked for in words."""
        way = super().structures(schema)
        return "prompt" if way == "json" or (way == "schema" and closed_schema(schema) is None) else way

    def _output_config(self) -> dict[str, Any]:
        effort = {} if self.effort is None else {"effort": self.effort}
        schema = wanted_schema.get()
        return {**effort, "format": {"type": "json_schema", "schema": closed_schema(schema)}} if schema else effort

    def _set_thinking(self, request: dict[str, Any]) -> None:
        thinking = self._thinking(request["messages"])
        if thinking is not None:
            request["thinking"] = thinking
        if budget := (thinking or {}).get("budget_tokens", 0):
            request["max_tokens"] += budget if request["max_tokens"] <= budget else 0
            return  # who thinks within a budget takes no temperature
        wanted = {"temperature": self.temperature, "top_p": self.top_p}
        request.update({name: value for name, value in wanted.items() if value is not None})

    def _thinking(self, said: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        if self.thinking is None or self.thinking is False:
            return None if self.thinking is None else {"type": "disabled"}
        if self.thinking is True:
            return {"type": "adaptive"}
        return {"type": "enabled", "budget_tokens": self.thinking} if _may_think(said) else None


def _may_think(said: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the model may be given a budget: not within a turn that began without a thought, as another model's."""
    last = next((each["content"] for each in reversed(said) if each["role"] == "assistant"), None)
    is_in_a_turn = any(block["type"] == "tool_result" for block in said[-1]["content"])
    return last is None or not is_in_a_turn or last[0]["type"] in ("thinking", "redacted_thinking")


class _Events:
    """The events of one answer, and what of them is known only at its end."""

    __slots__ = ("_calls", "_finish", "_foreign", "_layout", "_tokens")

    def __init__(self) -> None:
        self._calls: dict[int, int] = {}
        self._foreign: set[int] = set()
        self._layout = Layout()
        self._tokens: dict[str, Any] = {}
        self._finish: str | None = None

    def decode(self, event: Any) -> StreamChunk | None:
        """The chunk that an event makes; None when it says nothing (a ping, the end of a block)."""
        kind = event["type"]
        if kind == "content_block_delta":
            return self._delta(event["index"], event["delta"])
        if kind == "content_block_start":
            return self._begin(event["index"], event["content_block"])
        if kind == "message_start":
            return self._count(event["message"].get("usage"))
        if kind == "message_delta":
            self._finish = _text(event["delta"].get("stop_reason") or self._finish or "") or None
            return self._count(event.get("usage"))
        if kind == "message_stop":
            return self._end()
        return None

    def _delta(self, index: int, delta: Any) -> StreamChunk | None:
        kind = delta["type"]
        if index in self._foreign:
            return None
        if kind == "text_delta":
            text = _text(delta["text"])
            self._layout.text(len(text))
            return StreamChunk(text) if text else None
        if kind == "thinking_delta":
            thought = _text(delta["thinking"])
            self._layout.thought(len(thought))
            return StreamChunk(reasoning_content=thought) if thought else None
        if kind == "input_json_delta":
            arguments = _text(delta["partial_json"])
            fragment = {"index": self._calls[index], "function": {"arguments": arguments}}
            return StreamChunk(tool_calls=(fragment,)) if arguments else None
        if kind == "signature_delta":
            self._layout.sign(_text(delta["signature"]))
        return None

    def _begin(self, index: int, block: Any) -> StreamChunk | None:
        kind = block["type"]
        if kind == "tool_use":
            self._layout.call()
            place = self._calls[index] = len(self._calls)
            # Arguments come as fragments; servers that send them whole put them here.
            arguments = orjson.dumps(block["input"]).decode() if block.get("input") else ""
            function = {"name": _text(block["name"]), "arguments": arguments}
            return StreamChunk(tool_calls=({"index": place, "id": _text(block["id"]), "function": function},))
        if kind == "text":
            self._layout.begin_text()
            return self._delta(index, {"type": "text_delta", "text": block.get("text") or ""})
        if kind == "thinking":
            self._layout.begin_thought(_text(block.get("signature") or ""))
            return self._delta(index, {"type": "thinking_delta", "thinking": block.get("thinking") or ""})
        if kind == "redacted_thinking":
            self._layout.redacted(_text(block["data"]))
            return None
        self._foreign.add(index)  # what the provider does by itself, as with tools of its own
        return None

    def _count(self, tokens: Any) -> StreamChunk | None:
        if not tokens:
            return None
        # Counts are of the whole answer so far, and repeated ones replace what was said before.
        self._tokens.update({name: count for name, count in tokens.items() if count is not None})
        return StreamChunk(usage=read_usage(self._tokens))

    def _end(self) -> StreamChunk | None:
        if self._finish is None:
            return None
        return StreamChunk(
            finish_reason=_FINISH.get(self._finish, self._finish),
            signature=self._layout.signature,
            usage=read_usage(self._tokens),
        )


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("text is expected here")
    return value


def read_usage(tokens: Mapping[str, Any]) -> Usage:
    """The tokens of a request; the wire leaves out of the input what was cached, and here it is part of it."""
    cached = told_tokens(tokens.get("cache_read_input_tokens"))
    written = told_tokens(tokens.get("cache_creation_input_tokens"))
    details: Mapping[str, Any] = tokens.get("output_tokens_details") or {}
    return Usage(
        input_tokens=told_tokens(tokens.get("input_tokens")) + cached + written,
        output_tokens=told_tokens(tokens.get("output_tokens")),
        cached_tokens=cached,
        reasoning_tokens=told_tokens(details.get("thinking_tokens")),
        cache_write_tokens=written,
    )
