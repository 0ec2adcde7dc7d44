"""OpenAI's chat completions wire, which most providers and local servers speak. Raw HTTP; knows no vendor's SDK."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from agiwo.errors import ModelError
from agiwo.llm.base import Message, Model
from agiwo.llm.http import Reply, host_of, post
from agiwo.llm.refusal import error_event, error_in, redacted
from agiwo.llm.sse import EventTooLarge, SseSplitter
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import Usage


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes, with which key, and over which pool of connections (the host's, unless named)."""

    base_url: str
    api_key: str | None
    pool: str | None = None


@dataclass
class OpenAIModel(Model):
    """A model behind chat completions: OpenAI itself, or any server that speaks its wire.

    The key is the constructor's, else the settings', else `OPENAI_API_KEY`'s. Where a `base_url` is given there need be
    none, as local servers ask for none. `temperature`, `top_p` and `max_tokens` are sent as they stand, since agents
    are tuned with these numbers and servers' own defaults differ; for a model that refuses one, set it to None.
    Penalties of 0 are every server's default and refused by some, so they are sent only when set.
    """

    provider: str = "openai"

    DEFAULT_BASE_URL: ClassVar[str] = "https://api.openai.com/v1"
    KEY_VARIABLE: ClassVar[str] = "OPENAI_API_KEY"

    _endpoint: Endpoint | None = field(default=None, init=False, repr=False, compare=False)

    def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """Ask once, and iterate over the answer as it comes; see `Model.arun_stream`."""
        return self._ask(None, messages, tools)

    async def _ask(
        self, endpoint: Endpoint | None, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None
    ) -> AsyncGenerator[StreamChunk]:
        endpoint = endpoint or self._own_endpoint()
        answer = _Answer(self.provider, host_of(endpoint.base_url, self.provider), endpoint.api_key)
        async with post(
            f"{endpoint.base_url}/chat/completions",
            self._body(messages, tools, is_vendor=endpoint.base_url == OpenAIModel.DEFAULT_BASE_URL),
            _headers(endpoint.api_key),
            timeouts=self.timeouts,
            provider=self.provider,
            secret=endpoint.api_key,
            pool=endpoint.pool,
        ) as reply:
            await answer.accept(reply)
            watch = reply.watch
            async for block in reply.blocks:
                if chunks := answer.read(block):
                    watch.paused = True
                    for chunk in chunks:
                        yield chunk
                    watch.progress()
                if answer.is_done:
                    await reply.end()
            answer.check_complete()

    def _own_endpoint(self) -> Endpoint:
        # Looked up once: reading the settings takes as long as a hundred deltas.
        if self._endpoint is None:
            self._endpoint = self._look_up()
        return self._endpoint

    def _look_up(self) -> Endpoint:
        base_url, key = self.base_url, self.api_key
        if base_url is None or key is None:
            from agiwo.config import settings

            known = settings()
            base_url = base_url or known.base_url(self.provider)
            key = key or known.api_key(self.provider)
        if not key and base_url is None:
            raise ModelError("no_key", f"no key for {self.provider}: set {self.KEY_VARIABLE}", provider=self.provider)
        return Endpoint((base_url or self.DEFAULT_BASE_URL).rstrip("/"), self._sendable(key))

    def _sendable(self, key: str | None) -> str | None:
        key = (key or "").strip()
        if key and not (key.isascii() and key.isprintable()):
            raise ModelError("auth", f"the key for {self.provider} holds characters no key has", provider=self.provider)
        return key or None

    def _body(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None, *, is_vendor: bool
    ) -> bytes:
        request: dict[str, Any] = {
            "model": self.id,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._sampling(is_vendor=is_vendor),
        }
        if is_vendor:
            request["stream_options"]["include_obfuscation"] = False  # random padding, on by default
        if tools:
            request["tools"] = tools
        try:
            return orjson.dumps(request)
        except orjson.JSONEncodeError as error:
            message = f"the request cannot be written as JSON: {error}"
            raise ModelError("bad_request", message, provider=self.provider) from None

    def _sampling(self, *, is_vendor: bool) -> dict[str, Any]:
        # The vendor's newer models refuse the older name, which is the only one that other servers know.
        limit = "max_completion_tokens" if is_vendor else "max_tokens"
        wanted = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            limit: self.max_tokens,
            "frequency_penalty": self.frequency_penalty or None,
            "presence_penalty": self.presence_penalty or None,
        }
        return {name: value for name, value in wanted.items() if value is not None}


class _Answer:
    """What has come of one answer: turns bytes into chunks, and knows whether the answer is complete."""

    __slots__ = ("_has_events", "_host", "_is_finished", "_provider", "_secret", "_splitter", "is_done")

    def __init__(self, provider: str, host: str, secret: str | None) -> None:
        self._provider, self._host, self._secret = provider, host, secret
        self._splitter = SseSplitter()
        self._has_events = self._is_finished = self.is_done = False

    async def accept(self, reply: Reply) -> None:
        """Refuse an answer that is no event stream. A missing content type gets the benefit of the doubt."""
        if reply.content_type in ("text/event-stream", "text/plain", ""):
            return
        body = await reply.text()
        if error := error_in(body):
            raise error_event(error, provider=self._provider, host=self._host, secret=self._secret)
        raise self._bad_body(f"{reply.content_type} and not an event stream", body)

    def read(self, block: bytes) -> list[StreamChunk]:
        """The chunks that these bytes complete. Paid for every token, so it is one loop and not three functions."""
        chunks: list[StreamChunk] = []
        payload = b""
        try:
            for payload in self._splitter.feed(block):
                if payload == b"[DONE]":
                    self.is_done = True
                    continue
                event: Any = orjson.loads(payload)
                if error := event.get("error"):
                    raise error_event(error, provider=self._provider, host=self._host, secret=self._secret)
                if chunk := read_event(event):
                    chunks.append(chunk)
                    if chunk.finish_reason:
                        self._is_finished = True
                self._has_events = True
        except EventTooLarge as error:
            raise self._bad_body(str(error), b"") from None
        except (ValueError, TypeError, AttributeError, LookupError):
            raise self._bad_body("an event that is not a chat completion chunk", payload) from None
        return chunks

    def check_complete(self) -> None:
        """Refuse an answer that ended without its finish marker."""
        if not self._has_events:
            raise self._bad_body("no event at all", b"")
        if not self._is_finished:
            message = f"{self._host}: the answer ended without its finish marker"
            raise ModelError("stream_incomplete", message, provider=self._provider)

    def _bad_body(self, what: str, body: bytes) -> ModelError:
        quote = redacted(body.decode(errors="replace").strip(), self._secret)
        message = f"{self._host} answered 200 with {what}" + (f": {quote}" if quote else "")
        return ModelError("bad_body", message, provider=self._provider, status=200)


def read_event(event: Any) -> StreamChunk | None:
    """One event of the wire as a chunk; None when it says nothing (the role, an empty delta)."""
    content = reasoning = calls = finish = None
    usage = event.get("usage")
    if choices := event.get("choices"):
        choice = choices[0]
        finish = choice.get("finish_reason")
        if delta := choice.get("delta"):
            content = delta.get("content")
            if type(content) is str and content and len(delta) == 1 and not finish and not usage:
                return StreamChunk(content)  # nearly every event of an answer
            content = content or delta.get("refusal")
            reasoning = delta.get("reasoning_content") or delta.get("reasoning")
            calls = delta.get("tool_calls")
    if not (content or reasoning or calls or finish or usage):
        return None
    return StreamChunk(
        _text(content),
        _text(reasoning),
        _indexed(calls) if calls else None,
        read_usage(usage) if usage else None,
        _text(finish),
    )


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """The tokens of a request, from what the wire calls prompt and completion."""
    prompt: Mapping[str, Any] = usage.get("prompt_tokens_details") or {}
    completion: Mapping[str, Any] = usage.get("completion_tokens_details") or {}
    cached = prompt.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")
    return Usage(
        input_tokens=int(usage.get("prompt_tokens") or 0),
        output_tokens=int(usage.get("completion_tokens") or 0),
        cached_tokens=int(cached or 0),
        reasoning_tokens=int(completion.get("reasoning_tokens") or 0),
    )


def _text(value: Any) -> str | None:
    if not value:
        return None
    if not isinstance(value, str):
        raise TypeError("text is expected here")
    return value


def _indexed(calls: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Fragments with an index each; servers that send calls whole may leave it out."""
    if all(call.get("index") is not None for call in calls):
        return calls
    return [{**call, "index": place} for place, call in enumerate(calls)]


def _headers(key: str | None) -> dict[str, str]:
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    return headers
