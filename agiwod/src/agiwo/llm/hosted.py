"""A model behind HTTP: one streaming POST a request, whatever the wire. Knows no wire; those are its subclasses."""

from abc import abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from agiwo.errors import ModelError
from agiwo.llm.admission import LONGEST_WAIT
from agiwo.llm.base import Message, Model, trace_parent
from agiwo.llm.endpoint import Endpoint, Vendor, host_of
from agiwo.llm.post import Post
from agiwo.llm.reading import Decode, Reading
from agiwo.llm.refusal import Asked
from agiwo.schema.chunk import StreamChunk

_IMPATIENT = 5.0
"""Seconds that a request waits for its turn when another model could be asked instead."""


@dataclass
class HostedModel(Model):
    """A model at an address, with a key or without.

    The key is the constructor's, else the settings', else the environment's; the last two go only to the provider's own
    address, or to the one that the settings name in its place. `extra_body` is added to each request as it stands.
    """

    extra_body: Mapping[str, Any] = field(default_factory=dict[str, Any])

    VENDOR: ClassVar[Vendor]
    """Who is asked unless there is a `base_url`."""

    OPTIONAL: ClassVar[frozenset[str]]
    """The fields that a request can do without: one that the provider refuses is left out from then on."""

    STRUCTURED_BY: ClassVar[str] = ""
    """The field that holds an answer to a form. A model whose provider refuses it is asked in words from then on."""

    RENAMED: ClassVar[Mapping[str, str]] = {}
    """Models that are no more, and what took their place."""

    ENDS_WITH_FINISH: ClassVar[bool] = False
    """Whether nothing of interest comes after the finish reason."""

    _endpoint: Endpoint | None = field(default=None, init=False, repr=False, compare=False)
    _refused: set[str] = field(default_factory=set[str], init=False, repr=False, compare=False)

    @abstractmethod
    def url(self, endpoint: Endpoint) -> str:
        """Where requests are posted."""
        ...

    @abstractmethod
    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """The headers of a request, with the key if there is one."""
        ...

    @abstractmethod
    def request(
        self, endpoint: Endpoint, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The body of a request, which becomes JSON."""
        ...

    @abstractmethod
    def decoder(self) -> Decode:
        """What reads the events of one answer."""
        ...

    def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """Ask once, and iterate over the answer as it comes; see `Model.arun_stream`."""
        return self._ask(None, messages, tools)

    async def _ask(
        self, endpoint: Endpoint | None, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None
    ) -> AsyncGenerator[StreamChunk]:
        from agiwo.llm.http import post  # the HTTP client takes longer to load than all that is ours

        request = self._post(endpoint or self._own_endpoint(), messages, tools or ())
        reading = Reading(request.asked, self.decoder(), ends_with_finish=self.ENDS_WITH_FINISH)
        try:
            async with post(request) as reply:
                await reading.accept(reply)
                watch = reply.watch
                async for block in reply.blocks:
                    if chunks := reading.read(block):
                        watch.paused = True
                        for chunk in chunks:
                            yield chunk
                        watch.progress()
                    if reading.is_done:
                        await reply.end()
                reading.check_complete()
        except ModelError as error:
            if error.refused:
                self._refused.add(error.refused)
                self.structured = "prompt" if error.refused == self.STRUCTURED_BY else self.structured
            raise

    def _post(self, endpoint: Endpoint, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> Post:
        body = {**self.request(endpoint, messages, tools), **self.extra_body}
        for name in self._refused:
            body.pop(name, None)
        host, optional = host_of(endpoint.base_url, self.provider), self.OPTIONAL & body.keys()
        return Post(
            url=self.url(endpoint),
            body=self._encoded(body),
            headers=self.headers(endpoint) | _trace_headers(),
            asked=Asked(self.provider, host, endpoint.api_key, optional, self.RENAMED.get(self.id)),
            timeouts=self.timeouts,
            pool=endpoint.pool,
            concurrency=self.concurrency,
            patience=_IMPATIENT if self.fallback else LONGEST_WAIT,
        )

    def _encoded(self, body: Mapping[str, Any]) -> bytes:
        try:
            return orjson.dumps(body)
        except orjson.JSONEncodeError as error:
            message = f"the request cannot be written as JSON: {error}"
            raise ModelError("bad_request", message, provider=self.provider, sent=False) from None

    def _own_endpoint(self) -> Endpoint:
        # Looked up once: reading the settings takes as long as a hundred deltas.
        if self._endpoint is None:
            self._endpoint = self.VENDOR.endpoint(self.base_url, self.api_key)
        return self._endpoint


def _trace_headers() -> dict[str, str]:
    parent = trace_parent.get()
    return {"traceparent": parent} if parent else {}
