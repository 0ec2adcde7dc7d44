"""The models that the settings and this machine offer, and the secrets behind them. Asks no provider."""

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agiwo.config import AgiwoSettings, variable
from agiwo.errors import AgiwoError, ModelError
from agiwo.llm import PROVIDERS, resolve_model
from agiwo.llm.base import Message, Model
from agiwo.llm.weights import SMOLLM2, find_weights
from agiwo.schema.chunk import StreamChunk

from agiwod.foreign import server_secrets
from agiwod.runtime.models import KnownModel, Models
from agiwod.settings import ModelSettings, Settings
from agiwod.stores import storage_secrets
from agiwod.telemetry import telemetry_secrets


def offered_models(settings: Settings, keys: AgiwoSettings) -> Models:
    """The configured models, then the one that stands for each provider."""

    def known() -> Sequence[KnownModel]:
        configured = [_configured(name, model, keys) for name, model in settings.models.items()]
        builtin = [
            _known(f"{name}:{each.model}", name, each.model, keys) for name, each in PROVIDERS.items() if each.model
        ]
        return [*configured, *builtin]

    return Models(known, _auto)


def known_model(name: str, keys: AgiwoSettings) -> KnownModel:
    """What is known of a model that is named as `provider:id`."""
    provider, _, id = name.partition(":")
    return _known(name, provider, id, keys)


def _auto() -> str | None:
    try:
        model = resolve_model("auto")
    except AgiwoError:
        return None
    return f"{model.provider}:{model.id}"


def _configured(name: str, model: ModelSettings, keys: AgiwoSettings) -> KnownModel:
    id = model.id or (PROVIDERS[model.provider].model if model.provider in PROVIDERS else "")
    if model.provider not in PROVIDERS:
        return KnownModel(name, model.provider, id, False, f"the provider {model.provider} is not in this version")
    if model.api_key_env and not variable(model.api_key_env):
        return KnownModel(name, model.provider, id, False, f"set {model.api_key_env}")
    if model.api_key_env or model.base_url:
        return KnownModel(name, model.provider, id)
    return _known(name, model.provider, id, keys)


def _known(name: str, provider: str, id: str, keys: AgiwoSettings) -> KnownModel:
    reason = _lack(provider, id, keys)
    return KnownModel(name, provider, id, reason is None, reason)


def _lack(provider: str, id: str, keys: AgiwoSettings) -> str | None:
    """What a provider's model needs and has not."""
    if provider == "local":
        try:
            find_weights(id or SMOLLM2.name, keys.local_model)
        except ModelError as error:
            return str(error)
        return None
    if provider == "scripted":
        return None if os.path.isfile(id) else f"there is no file {id}"
    base_url = keys.base_url(provider)
    if base_url is not None and not base_url.startswith(("http://", "https://")):
        return f"set {provider.upper()}_BASE_URL to an http:// or https:// address"
    return None if keys.api_key(provider) or base_url else f"set {provider.upper()}_API_KEY"


def find_model(name: str, settings: Settings) -> Model:
    """The model of that name. One whose key is missing is there, and says so when it is asked.

    Raises:
        NotFound: nobody knows the name.
        ConfigError: its table cannot work.
    """
    try:
        return resolve_model(name, settings.model_tables())
    except ModelError as error:
        return UnusableModel(id=name, reason=error)


@dataclass
class UnusableModel(Model):
    """A model that is configured and cannot be asked: each request fails with what is missing."""

    reason: ModelError = field(default_factory=lambda: ModelError("no_key", "the model has no key"))

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        """Fail."""
        raise self.reason
        yield StreamChunk()  # what makes this a generator


_KEYS = "_api_key"


def secrets(settings: Settings, keys: AgiwoSettings) -> dict[str, str]:
    """Every key that this process knows, by the name that stands in its place wherever it would be shown."""
    providers = [name.removesuffix(_KEYS) for name in type(keys).model_fields if name.endswith(_KEYS)]
    found = {f"{provider}{_KEYS}".upper(): keys.api_key(provider) for provider in providers}
    for model in settings.models.values():
        if model.api_key_env:
            found[model.api_key_env] = variable(model.api_key_env)
    if settings.engine.api_key:
        found["ENGINE_API_KEY"] = settings.engine.api_key.get_secret_value()
    found |= telemetry_secrets(settings, keys) | storage_secrets(settings) | server_secrets(settings)
    return {name: value for name, value in found.items() if value}
