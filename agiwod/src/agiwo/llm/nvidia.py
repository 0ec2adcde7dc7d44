"""NVIDIA's models: chat completions, with a switch for thinking that depends on who made the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from agiwo.llm.base import Message, Structured
from agiwo.llm.endpoint import Endpoint, Vendor
from agiwo.llm.openai import OpenAIModel, plain


@dataclass
class NvidiaModel(OpenAIModel):
    """A model behind NVIDIA's API or a NIM of yours; ids begin with the maker, like `meta/llama-3.3-70b-instruct`.

    `thinking` switches it on or off where the model has such a switch; None leaves it to the model. Many models there
    know no `response_format`, so the form of an answer is asked for in words, unless `structured` says otherwise.
    """

    provider: str = "nvidia"
    structured: Structured = "prompt"
    thinking: bool | None = None

    VENDOR: ClassVar[Vendor] = Vendor(
        "nvidia", "https://integrate.api.nvidia.com/v1", ("NVIDIA_BUILD_API_KEY", "NVIDIA_API_KEY")
    )
    OPTIONAL: ClassVar[frozenset[str]] = OpenAIModel.OPTIONAL | {"chat_template_kwargs"}

    def request(
        self, endpoint: Endpoint, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The body of a request, which becomes JSON."""
        if self.thinking is not None and "nemotron" in self.id:
            word = "/think" if self.thinking else "/no_think"
            return super().request(endpoint, [{"role": "system", "content": word}, *messages], tools)
        request = super().request(endpoint, messages, tools)
        if self.thinking is not None:
            # What it thought between two tool calls is kept by the template only when it is not told to clear it.
            request["chat_template_kwargs"] = {"enable_thinking": self.thinking, "clear_thinking": False}
        return request

    def message(self, message: Message) -> Message:
        """One message as it is sent; a model that was told to think gets its thoughts back."""
        sent, thoughts = super().message(message), message.get("reasoning_content")
        return {**plain(message), "reasoning_content": thoughts} if self.thinking and thoughts else sent
