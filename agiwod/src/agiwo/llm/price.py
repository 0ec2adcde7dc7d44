"""What a model's tokens cost: what its user says, else what a list of the providers' prices says. Asks no provider."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from agiwo.schema.run import Usage
from agiwo.schema.setting import require_between

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

    from agiwo.llm.base import Model

_MILLION = 1_000_000


class Tariff(Protocol):
    """Knows what tokens cost."""

    def cost(self, usage: Usage) -> float:
        """Dollars for what one request used."""
        ...


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens. Cached ones, and those put into the cache, cost what input costs unless given."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            require_between(f"price.{each.name}", getattr(self, each.name), 0, optional=each.default is None)

    def cost(self, usage: Usage) -> float:
        """Dollars for what one request used."""
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.cache_write is None else self.cache_write
        fresh = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)
        dollars = fresh * self.input + usage.cached_tokens * cached + usage.cache_write_tokens * written
        return (dollars + usage.output_tokens * self.output) / _MILLION


FREE: Final = Price(0, 0)
"""What a model on one's own machine costs."""


async def tariff_of(model: "Model") -> Tariff | None:
    """What the model costs; None when nobody knows."""
    if model.price is not None or _is_own(model):
        return model.price
    key = _key(model)
    if key not in _listed:
        # The list takes half a second to load, once in a process; others are to go on meanwhile.
        await asyncio.to_thread(_look_up, *key)
    return _listed[key]


def listed_window(model: "Model") -> int | None:
    """How many tokens the model takes at once, as far as the list says that and was asked about it already."""
    found = _listed.get(_key(model))
    return found.model.context_window if found else None


def prepare(model: "Model") -> None:
    """Begin to look up what the model costs, so that it is known when its answer is there."""
    key = _key(model)
    if model.price is None and key not in _looked_up and not _is_own(model):
        _looked_up.add(key)
        asyncio.get_running_loop().run_in_executor(None, _look_up, *key)


_Key = tuple[str, str, str | None]
_looked_up: set[_Key] = set()
_listed: dict[_Key, "_Listed | None"] = {}


def _is_own(model: "Model") -> bool:
    """Whether a model names no provider at all: no list has it, and so none is loaded."""
    return not (model.provider or model.base_url)


def _key(model: "Model") -> _Key:
    return model.provider, model.id, model.base_url


def _look_up(provider: str, id: str, base_url: str | None) -> None:
    """See what the list says of a model: of the provider that is known to be at its address, else of the one named."""
    from genai_prices.data_snapshot import get_snapshot

    prices, found = get_snapshot(), None
    try:
        at_address = prices.find_provider(None, None, base_url) if base_url else None
    except LookupError:
        at_address = None  # a gateway, or a server of the user's own
    with suppress(LookupError):
        found = _Listed(*prices.find_provider_model(id, at_address, provider, None))
    _listed[provider, id, base_url] = found


@dataclass(frozen=True, slots=True)
class _Listed:
    """A model of the list, some of which cost more at some hours, or beyond so many tokens."""

    provider: "Provider"
    model: "ModelInfo"

    def cost(self, usage: Usage) -> float:
        from genai_prices import Usage as Counted

        counted = Counted(
            input_tokens=max(usage.input_tokens, usage.cached_tokens + usage.cache_write_tokens),
            cache_read_tokens=usage.cached_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
        )
        price = self.model.calc_price(counted, self.provider, genai_request_timestamp=datetime.now(UTC))
        return float(price.total_price)
