"""What the requests of one model call use up, held against what its run has left. Makes no request."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agiwo.engine.context import as_failure
from agiwo.errors import EffectFailed, ModelError
from agiwo.llm.base import Model
from agiwo.llm.price import FREE, prepare, tariff_of
from agiwo.llm.tokens import count_tokens
from agiwo.loop.budget import EXHAUSTED
from agiwo.schema.run import NOTHING, CostBasis, Usage

_PERHAPS_BILLED = frozenset({"timeout", "stream_incomplete", "bad_body"})
"""Failures after which a provider may want money for what nobody got."""


class Meter:
    """Counts the requests of one model call. `terms` say what is left for them (None: as much as they like)."""

    def __init__(self, terms: Mapping[str, Any] | None) -> None:
        self._terms = terms
        self.requests, self.lost = 0, NOTHING

    async def admit(self, model: Model) -> None:
        """Let one more request to this model be made, and count it.

        Raises:
            EffectFailed: what is left does not pay for it, or nobody knows what it costs.
        """
        if self._terms is None:
            prepare(model)
        else:
            await self._check(model, self._terms["left"], self._terms["sent"], self._terms["cached"])
        self.requests += 1

    async def _check(self, model: Model, left: Mapping[str, float], sent: int, cached: int) -> None:
        """Refuse a request that is not paid for. It has `sent` tokens at the least, of which `cached` may cost less."""
        if "calls" in left and left["calls"] <= self.requests:
            raise self._refusal("no further request to a model may be made")
        if "tokens" in left:
            tokens = max(0, left["tokens"] - self.lost.total_tokens)
            if tokens < max(1, sent):
                raise self._refusal(f"it has {tokens} tokens left, and {sent} are needed to go on")
        if "cost_usd" in left:
            dollars, needed = left["cost_usd"] - (self.lost.cost_usd or 0.0), await self._price(model, sent, cached)
            if dollars < needed:
                raise self._refusal(f"it has ${max(0.0, dollars):.6f} left, and ${needed:.6f} are needed to go on")

    def _refusal(self, why: str) -> EffectFailed:
        return EffectFailed(EXHAUSTED, f"the budget is used up: {why}", detail=self.told())

    async def _price(self, model: Model, sent: int, cached: int) -> float:
        tariff = await tariff_of(model)
        if tariff is None:
            message = f"the budget is in dollars, and what the model {model.name!r} costs is not known: give it a price"
            raise EffectFailed("no_price", message, detail=self.told())
        return tariff.cost(Usage(sent, cached_tokens=cached))

    async def used(self, model: Model, sent: Any, said: Sequence[str], told: Usage | None) -> Usage:
        """What a request used and cost; what its provider has not told is counted here, unless it was free anyway."""
        tariff = await tariff_of(model)
        basis: CostBasis = "known" if told is not None or tariff is FREE else "estimated"
        usage = told or (Usage() if tariff is FREE else Usage(count_tokens(sent), count_tokens(said)))
        if usage.cost_usd is not None:
            return replace(usage, cost_basis="known")
        return usage if tariff is None else replace(usage, cost_usd=tariff.cost(usage), cost_basis=basis)

    async def lose(self, error: ModelError, model: Model, sent: Any, said: Sequence[str], told: Usage | None) -> None:
        """Count what a request used that failed: no less than that, for nobody tells."""
        if not error.sent:
            self.requests -= 1
        elif said or told:
            self.lost += replace(await self.used(model, sent, said, told), cost_basis="lower_bound")
        elif error.kind in _PERHAPS_BILLED:
            self.lost += Usage()

    def failure(self, error: ModelError) -> EffectFailed:
        """The failure of the whole call, with what its requests used."""
        failed = as_failure(error)
        failed.detail |= self.told()
        return failed

    def told(self) -> dict[str, Any]:
        """How many requests were made, and what was lost with those that failed, for the run to count."""
        lost = {"lost": self.lost.to_json()} if self.lost != NOTHING else {}
        return {"requests": self.requests, **lost}
