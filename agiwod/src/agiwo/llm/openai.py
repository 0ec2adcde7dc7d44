"""OpenAI's chat completions wire, which most providers and local servers speak. Raw HTTP; knows no vendor's SDK."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from agiwo.llm.base import Message, Structured, wanted_schema
from agiwo.llm.chat_events import ChatEvents
from agiwo.llm.conversation import Repair
from agiwo.llm.endpoint import Endpoint, Vendor
from agiwo.llm.hosted import HostedModel
from agiwo.llm.parts import Attachment, part_of
from agiwo.llm.reading import Decode
from agiwo.llm.strict import strict_schema

_LEGAL_ID = re.compile(r"[!-~]{1,40}")
"""Ids of tool calls that every server takes. Some servers make sense of their own, so those are left alone."""

_OURS = ("reasoning_content", "reasoning_signature")
"""What a message may hold that is not of the wire."""

_JSON = {"type": "json_object"}


@dataclass
class OpenAIModel(HostedModel):
    """A model behind chat completions: OpenAI itself, or any server that speaks its wire.

    `temperature`, `top_p` and `max_tokens` are sent as they stand, since agents are tuned with these numbers and
    servers' own defaults differ; a model that refuses one is asked again without it. Penalties of 0 are every server's
    default and refused by some, so they are sent only when set, and so is `reasoning_effort` (low, medium, high, …).
    """

    provider: str = "openai"
    structured: Structured = "schema"
    reasoning_effort: str | None = None

    VENDOR: ClassVar[Vendor] = Vendor("openai", "https://api.openai.com/v1", ("OPENAI_API_KEY",))
    OPTIONAL: ClassVar[frozenset[str]] = frozenset(
        {
            "frequency_penalty",
            "max_tokens",
            "presence_penalty",
            "reasoning_effort",
            "response_format",
            "stream_options",
            "temperature",
            "top_p",
        }
    )
    STRUCTURED_BY: ClassVar[str] = "response_format"

    _repair: Repair = field(
        default_factory=lambda: Repair(_LEGAL_ID, alternates=True), init=False, repr=False, compare=False
    )

    def url(self, endpoint: Endpoint) -> str:
        """Where requests are posted."""
        return f"{endpoint.base_url}/chat/completions"

    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """The headers of a request, with the key if there is one."""
        headers = {"content-type": "application/json"}
        if endpoint.api_key:
            headers["authorization"] = f"Bearer {endpoint.api_key}"
        return headers

    def request(
        self, endpoint: Endpoint, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The body of a request, which becomes JSON."""
        request: dict[str, Any] = {
            "model": self.id,
            "messages": [self.message(each) for each in self._repair(messages)],
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._sampling(is_openai=endpoint.base_url == OpenAIModel.VENDOR.base_url),
        }
        if endpoint.base_url == OpenAIModel.VENDOR.base_url:
            request["stream_options"]["include_obfuscation"] = False  # random padding, on by default
        if tools:
            request["tools"] = tools
        if schema := wanted_schema.get():
            request["response_format"] = _response_format(schema) if self.structured == "schema" else _JSON
        return request

    def message(self, message: Message) -> Message:
        """One message as it is sent. Thoughts stay here: most servers refuse what they do not know."""
        is_plain = type(message.get("content")) is str and "reasoning_content" not in message
        return message if is_plain and "reasoning_signature" not in message else plain(message)

    def decoder(self) -> Decode:
        """What reads the events of one answer."""
        return ChatEvents().read

    def _sampling(self, *, is_openai: bool) -> dict[str, Any]:
        # OpenAI's newer models refuse the older name, which is the only one that other servers know.
        limit = "max_completion_tokens" if is_openai else "max_tokens"
        wanted = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            limit: self.max_tokens,
            "frequency_penalty": self.frequency_penalty or None,
            "presence_penalty": self.presence_penalty or None,
            "reasoning_effort": self.reasoning_effort,
        }
        return {name: value for name, value in wanted.items() if value is not None}


def _response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The field that holds the answer to a schema: strictly where the wire can, else as well as the server does."""
    strict = strict_schema(schema)
    form = {"name": "answer", "schema": strict or schema, "strict": strict is not None}
    return {"type": "json_schema", "json_schema": form}


def plain(message: Message) -> dict[str, Any]:
    """The message without what is not of the wire, its images and files in the wire's form."""
    sent = {name: value for name, value in message.items() if name not in _OURS}
    content: Any = sent.get("content")
    if isinstance(content, list):
        sent["content"] = [_part(part) for part in cast(list[Mapping[str, Any]], content)]
    return sent


def _part(part: Mapping[str, Any]) -> Mapping[str, Any]:
    if part.get("type") not in ("image", "file"):
        return part  # text, or the wire's own form
    return _shown(part_of(part))


def _shown(part: str | Attachment) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part.is_image:
        return {"type": "image_url", "image_url": {"url": part.data_url}}
    if part.is_text and part.data:
        return {"type": "text", "text": part.text()}
    return {"type": "file", "file": {"filename": part.name or "file.pdf", "file_data": part.data_url}}
