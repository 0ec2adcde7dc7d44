"""DeepSeek: chat completions with thinking, whose thoughts go back to it. What it shares with others is in `openai`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from agiwo.llm.base import Message, Structured
from agiwo.llm.endpoint import Endpoint, Vendor
from agiwo.llm.openai import OpenAIModel, plain


@dataclass
class DeepseekModel(OpenAIModel):
    """A model of DeepSeek. It thinks unless `thinking` is False; `reasoning_effort` is low, high or max."""

    id: str = "deepseek-flash"
    provider: str = "deepseek"
    structured: Structured = "json"
    thinking: bool | None = None

    VENDOR: ClassVar[Vendor] = Vendor("deepseek", "https://api.deepseek.com", ("DEEPSEEK_API_KEY",))
    RENAMED: ClassVar[Mapping[str, str]] = {
        "deepseek-chat": "deepseek-flash, with thinking=False",
        "deepseek-reasoner": "deepseek-flash",
    }

    def request(
        self, endpoint: Endpoint, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The body of a request, which becomes JSON."""
        request = super().request(endpoint, messages, tools)
        if self.thinking is not None:
            request["thinking"] = {"type": "enabled" if self.thinking else "disabled"}
        return request

    def message(self, message: Message) -> Message:
        """One message as it is sent: while it thinks, each answer with its thoughts, else the next request is refused.

        An answer that another model gave has none; then they are empty, which is accepted.
        """
        if message["role"] != "assistant" or not self._thinks:
            return super().message(message)
        return {**plain(message), "reasoning_content": message.get("reasoning_content") or ""}

    @property
    def _thinks(self) -> bool:
        return self.thinking if self.thinking is not None else not self.id.endswith("deepseek-chat")
