"""A language model as the loop sees it: messages in, a stream of chunks out. Knows no wire."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from agiwo.errors import ConfigError
from agiwo.llm.price import Price
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.setting import require_above, require_between, require_kind, require_whole

Message = Mapping[str, Any]
"""One message of a request, in the form of OpenAI's chat completions."""

Structured = Literal["schema", "json", "tool", "prompt"]
"""How a model is brought to answer in a form: its provider holds it to a JSON Schema or to JSON, or it is told to give
the answer to a tool, or it is only told."""

turn_of_run: ContextVar[int | None] = ContextVar("turn_of_run", default=None)
"""Which request of its run is being made, from 0: set by the caller that knows it, read by scripted models only."""

wanted_schema: ContextVar[Mapping[str, Any] | None] = ContextVar("wanted_schema", default=None)
"""The JSON Schema that the answer to this request is to fit, for wires that have a field for it; set by the caller."""

trace_parent: ContextVar[str | None] = ContextVar("trace_parent", default=None)
"""The `traceparent` that goes with this request, so that a provider's own spans join the run's trace."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that one request may take: to connect, to its first byte, between two pieces of content, in all.

    Only content counts as life: a provider that sends nothing but pings runs into `idle`.
    """

    connect: float = 10
    first_byte: float = 60
    idle: float = 60
    total: float = 600

    def __post_init__(self) -> None:
        for name in ("connect", "first_byte", "idle", "total"):
            require_above(f"timeouts.{name}", getattr(self, name))


def _require(name: str, given: object, kind: type[object]) -> None:
    if not isinstance(given, kind) or given == "":
        raise ConfigError(f"a model takes as its {name} an object of {kind.__name__}, and not {given!r:.100}")


@dataclass
class Model(ABC):
    """A model to ask. One object serves any number of runs at the same time.

    `temperature`, `top_p` and `max_tokens` may be None: then they are not sent, for models that refuse them.
    `retries` is how many further requests may be made when one fails for a reason that may pass; after them the models
    in `fallback` are asked, each with retries of its own. `concurrency` is how many requests may be under way at once
    with this model's account, whoever makes them. `structured` is how it is brought to answer in a form. `price` takes
    the place of the one that is known of the model.
    """

    id: str
    name: str = ""
    temperature: float | None = 0.7
    top_p: float | None = 1.0
    max_tokens: int | None = 4096
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    provider: str = ""
    retries: int = 3
    timeouts: Timeouts = Timeouts()
    fallback: Sequence["Model"] = ()
    concurrency: int = 100
    structured: Structured = "prompt"
    price: Price | None = None

    def __post_init__(self) -> None:
        self.name = self.name or self.id
        _require("id", self.id, str)
        _require("timeouts", self.timeouts, Timeouts)
        require_between("temperature", self.temperature, 0, 2, optional=True)
        require_between("top_p", self.top_p, 0, 1, optional=True)
        require_whole("max_tokens", self.max_tokens, optional=True)
        require_between("frequency_penalty", self.frequency_penalty, -2, 2)
        require_between("presence_penalty", self.presence_penalty, -2, 2)
        require_kind("api_key", self.api_key, str, optional=True)
        require_kind("base_url", self.base_url, str, optional=True)
        require_whole("retries", self.retries, 0)
        require_whole("concurrency", self.concurrency)
        require_kind("price", self.price, Price, optional=True)
        require_kind("fallback", self.fallback, list, tuple)
        for model in self.fallback:
            require_kind("a model of fallback", model, Model)
        if self.structured not in get_args(Structured):
            known = ", ".join(get_args(Structured))
            raise ConfigError(f"structured is {self.structured!r}; it must be one of {known}")

    @classmethod
    def named(cls, id: str, **options: Any) -> Self:
        """The model that `provider:id` means, with these options instead of the defaults."""
        return cls(id=id, **options)

    @property
    def params(self) -> dict[str, Any]:
        """What it is asked with, as far as it is set: `temperature`, `top_p` and `max_tokens`."""
        params = {"temperature": self.temperature, "top_p": self.top_p, "max_tokens": self.max_tokens}
        return {name: value for name, value in params.items() if value is not None}

    @property
    def calls_tools(self) -> bool:
        """Whether it can: to one that cannot, what has to be read by a tool is only noise."""
        return True

    def structures(self, schema: Mapping[str, Any]) -> Structured:
        """How it is brought to an answer that fits this schema; what is no object can only be asked for in words."""
        return self.structured if schema.get("type") == "object" else "prompt"

    @abstractmethod
    def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """Ask once, and iterate over the answer as it comes.

        Nothing is tried again in here. Cancelling, or closing the generator, ends the request; who may leave the
        iteration early closes it (`contextlib.aclosing`), else the request goes on until the garbage is collected.

        Raises:
            ModelError: the answer cannot be used. What was yielded before is then no answer, not even a part of one.
        """
        ...

    async def close(self) -> None:
        """Release what this model and its stand-ins alone hold. Connections are shared, and end with the event loop."""
        for each in self.fallback:
            await each.close()
