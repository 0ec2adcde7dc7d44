"""Language models by name. Loads a provider's code only when one of its models is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from agiwo.errors import ConfigError, ModelError, NotFound
from agiwo.llm.base import Message, Model, Timeouts
from agiwo.llm.endpoint import Vendor
from agiwo.llm.price import Price
from agiwo.schema.chunk import StreamChunk

if TYPE_CHECKING:
    from agiwo.llm.anthropic import AnthropicModel
    from agiwo.llm.deepseek import DeepseekModel
    from agiwo.llm.local import LocalModel
    from agiwo.llm.nvidia import NvidiaModel
    from agiwo.llm.openai import OpenAIModel
    from agiwo.llm.scripted import ScriptedModel

__all__ = [
    "PROVIDERS",
    "AnthropicModel",
    "DeepseekModel",
    "LocalModel",
    "Message",
    "Model",
    "NvidiaModel",
    "OpenAIModel",
    "Price",
    "ScriptedModel",
    "StreamChunk",
    "Timeouts",
    "Vendor",
    "resolve_model",
]


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider's class is, and which of its models stands for it. A provider with a key serves `auto`."""

    module: str
    name: str
    model: str = ""

    def load(self) -> type[Model]:
        """The class itself, imported now."""
        return getattr(import_module(self.module), self.name)


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider("agiwo.llm.openai", "OpenAIModel", "gpt-4o-mini"),
    "anthropic": Provider("agiwo.llm.anthropic", "AnthropicModel", "claude-sonnet-5-5"),
    "deepseek": Provider("agiwo.llm.deepseek", "DeepseekModel", "deepseek-flash"),
    "nvidia": Provider("agiwo.llm.nvidia", "NvidiaModel", "meta/llama-3.3-70b-instruct"),
    "local": Provider("agiwo.llm.local", "LocalModel", "smollm2-135m"),
    "scripted": Provider("agiwo.llm.scripted", "ScriptedModel"),
}
"""Every provider, in the order in which `auto` looks for a key. A provider is one module and one line here."""


def resolve_model(name: str, configured: Mapping[str, Mapping[str, Any]] | None = None) -> Model:
    """The model of that name: one of `configured`, `auto`, or `provider:id`.

    What is configured has the keys of a `[models.NAME]` table: `provider`, `id`, and any field of the model;
    `api_key_env` names the variable that holds the key, `fallback` other models by their names. `auto` is the first
    provider with a key, else the local model when it is installed, else a scripted model that says it is none.

    Raises:
        NotFound: nobody knows the name.
        ConfigError: a configured model's table cannot work.
    """
    known = configured or {}
    if name in known:
        return _configured(name, known)
    if name == "auto":
        return _automatic()
    provider, _, id = name.partition(":")
    if provider not in PROVIDERS or not id:
        names = ", ".join([*known, "auto", *(f"{provider}:ID" for provider in PROVIDERS)])
        raise NotFound("model", name, f"known are {names}")
    return PROVIDERS[provider].load().named(id)


def _configured(name: str, known: Mapping[str, Mapping[str, Any]]) -> Model:
    options = dict(known[name])
    provider, id, variable = options.pop("provider", ""), options.pop("id", ""), options.pop("api_key_env", None)
    if provider not in PROVIDERS:
        raise ConfigError(f"models.{name}: provider is {provider!r}; it must be one of {', '.join(PROVIDERS)}")
    if variable is not None:
        options["api_key"] = _key_from(name, variable)
    if others := options.pop("fallback", ()):
        options["fallback"] = [_fallback(name, other, known) for other in others]
    try:
        if "timeouts" in options:
            options["timeouts"] = Timeouts(**options["timeouts"])
        if "price" in options:
            options["price"] = Price(**options["price"])
        return PROVIDERS[provider].load().named(id or PROVIDERS[provider].model, **{"name": name, **options})
    except TypeError as error:
        raise ConfigError(f"models.{name}: {error}") from None


def _fallback(name: str, other: str, known: Mapping[str, Mapping[str, Any]]) -> Model:
    """The model that stands in for another; who stands in for it in turn is of no interest."""
    alone = {each: {key: table[key] for key in table if key != "fallback"} for each, table in known.items()}
    try:
        return resolve_model(other, alone)
    except NotFound:
        raise ConfigError(f"models.{name}: fallback names {other!r}, which nobody knows") from None


def _key_from(name: str, variable: str) -> str:
    from agiwo.config import variable as value_of

    key = value_of(variable)
    if key is None:
        raise ModelError("no_key", f"model {name!r} takes its key from {variable}, which is not set")
    return key


def _automatic() -> Model:
    from agiwo.config import settings
    from agiwo.llm.weights import is_available

    known = settings()
    for provider, entry in PROVIDERS.items():
        if known.api_key(provider):
            return entry.load().named(known.model_name(provider) or entry.model)
    if is_available(known.local_model):
        return PROVIDERS["local"].load().named(PROVIDERS["local"].model)
    from agiwo.llm.scripted import not_a_model

    return not_a_model()


def __getattr__(name: str) -> Any:
    for provider in PROVIDERS.values():
        if provider.name == name:
            return provider.load()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
