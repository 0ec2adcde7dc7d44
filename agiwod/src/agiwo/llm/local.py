"""The local model: the ordinary chat completions wire, spoken to a llama.cpp server that this process starts."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from agiwo.errors import ModelError
from agiwo.llm.base import Message
from agiwo.llm.endpoint import Endpoint
from agiwo.llm.local_process import LocalServer, server_for
from agiwo.llm.openai import OpenAIModel
from agiwo.llm.price import FREE, Price
from agiwo.llm.weights import SMOLLM2, find_weights
from agiwo.schema.chunk import StreamChunk


@dataclass
class LocalModel(OpenAIModel):
    """A small model on this machine, which needs no key and no network.

    `id` is `smollm2-135m` or the path of a GGUF file. The server is started by the first request, shared by all models
    with the same weights, stopped when nobody asked for `idle_seconds`, and started again when it was killed. So small
    a model rambles: by default it says the likeliest words, and few of them.
    """

    id: str = SMOLLM2.name
    temperature: float | None = 0.0
    max_tokens: int | None = 64
    provider: str = "local"
    price: Price | None = FREE
    idle_seconds: float = 300
    _server: LocalServer | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def calls_tools(self) -> bool:
        """The packaged one has never heard of any."""
        return self.id != SMOLLM2.name

    def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """Ask once, and iterate over the answer as it comes; see `Model.arun_stream`.

        Raises:
            ModelError: `unavailable` when the engine or the weights are missing or the server does not start.
        """
        return self._ask_server(_introduced(messages), tools)

    async def _ask_server(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None
    ) -> AsyncGenerator[StreamChunk]:
        server = self._own_server()
        for is_last in (False, True):
            has_begun = False
            try:
                async with server.lend(self.idle_seconds) as address:
                    endpoint = Endpoint(address.base_url, address.key, pool="local")
                    async with aclosing(self._ask(endpoint, messages, tools)) as answer:
                        async for chunk in answer:
                            has_begun = True
                            yield chunk
                return
            except ModelError as error:
                # Only a server that was dead before it said anything is worth a second one.
                if is_last or has_begun or error.kind != "connection" or not await server.has_died():
                    raise

    def _own_server(self) -> LocalServer:
        # Found once: reading settings and package lists takes longer than starting to answer.
        if self._server is None:
            from agiwo.config import settings

            self._server = server_for(find_weights(self.id, settings().local_model))
        return self._server


def _introduced(messages: Sequence[Message]) -> Sequence[Message]:
    """The messages behind a system prompt. Without one, so small a model answers in whatever language comes to it."""
    if messages and messages[0].get("role") == "system":
        return messages
    return [{"role": "system", "content": "You are a helpful assistant."}, *messages]
