"""What tokens cost: by a price of one's own, else by the list of the providers' prices."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from agiwo.errors import ConfigError
from agiwo.llm import AnthropicModel, LocalModel, Model, NvidiaModel, OpenAIModel, Price, ScriptedModel, resolve_model
from agiwo.llm.price import prepare, tariff_of
from agiwo.llm.tokens import count_tokens
from agiwo.schema.run import NOTHING, Usage

pytestmark = pytest.mark.anyio

MILLION = 1_000_000


async def cost(model: Model, usage: Usage) -> float | None:
    tariff = await tariff_of(model)
    return None if tariff is None else tariff.cost(usage)


def test_a_price_is_for_a_million_tokens_and_cached_ones_have_their_own() -> None:
    usage = Usage(MILLION, MILLION, cached_tokens=MILLION // 2)
    assert Price(0.5, 1.5, cached=0.1).cost(usage) == pytest.approx(0.25 + 0.05 + 1.5)
    assert Price(0.5, 1.5).cost(usage) == pytest.approx(2.0)


def test_what_is_put_into_the_cache_may_have_a_price_too() -> None:
    usage = Usage(MILLION, cached_tokens=MILLION // 4, cache_write_tokens=MILLION // 4)
    assert Price(2.0, 0, cached=0.4, cache_write=4.0).cost(usage) == pytest.approx(1.0 + 0.1 + 1.0)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["input", "output", "cached", "cache_write"])
def test_what_is_no_price_is_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"price.{name} is"):
        Price(**{"input": 1.0, "output": 1.0, name: value})


async def test_the_price_that_a_user_gives_comes_before_that_of_the_list() -> None:
    assert await cost(OpenAIModel("gpt-4o-mini", price=Price(7, 0)), Usage(MILLION)) == 7


@pytest.mark.parametrize(
    "model",
    [
        OpenAIModel("gpt-4o-mini"),
        OpenAIModel("gpt-4o-mini", base_url="http://127.0.0.1:9/v1"),
        AnthropicModel("claude-sonnet-5-5"),
        resolve_model("deepseek:deepseek-flash"),
    ],
)
async def test_models_that_are_listed_have_a_price_in_which_cached_tokens_cost_less(model: Model) -> None:
    fresh, cached = Usage(1000, 100), Usage(1000, 100, cached_tokens=900)
    assert 0 < (await cost(model, cached) or 0) < (await cost(model, fresh) or 0)


async def test_a_known_address_says_whose_price_it_is() -> None:
    groq = OpenAIModel("openai/gpt-oss-20b", base_url="https://api.groq.com/openai/v1")
    assert await cost(groq, Usage(MILLION)) is not None
    assert await cost(OpenAIModel("gpt-4o-mini", base_url="https://api.groq.com/openai/v1"), Usage(MILLION)) is None


@pytest.mark.parametrize("model", [OpenAIModel("of-my-own"), NvidiaModel("meta/llama-3.3-70b-instruct")])
async def test_what_is_not_listed_has_no_price(model: Model) -> None:
    assert await cost(model, Usage(MILLION)) is None


@pytest.mark.parametrize("model", [LocalModel(), ScriptedModel(turns=[])])
async def test_what_runs_here_is_free(model: Model) -> None:
    assert await cost(model, Usage(MILLION, MILLION)) == 0


async def test_more_cached_tokens_than_tokens_are_a_price_all_the_same() -> None:
    assert (await cost(OpenAIModel("gpt-4o-mini"), Usage(10, cached_tokens=20)) or 0) > 0


def test_a_configured_model_may_name_its_price() -> None:
    price = {"input": 0.5, "output": 1.5, "cached": 0.1}
    table: dict[str, Any] = {"lab": {"provider": "openai", "id": "m", "price": price}}
    assert resolve_model("lab", table).price == Price(0.5, 1.5, 0.1)
    table["lab"]["price"] = {"input": 1}
    with pytest.raises(ConfigError, match="output"):
        resolve_model("lab", table)


def test_the_list_of_prices_is_not_loaded_before_somebody_asks() -> None:
    program = "import sys, agiwo.agent, agiwo.llm.openai; print('genai_prices' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


async def test_the_list_is_not_loaded_for_a_model_that_names_no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)  # who loads it fails
    model = ScriptedModel(turns=[], price=None, provider="")
    prepare(model)
    assert await tariff_of(model) is None


# Sums


def test_a_sum_is_only_as_good_as_the_worst_part_of_it() -> None:
    known, estimated, unknown = Usage(1, 1, cost_usd=0.5, cost_basis="known"), Usage(cost_basis="estimated"), Usage(5)
    assert NOTHING + known == known
    assert (known + estimated).cost_basis == "estimated"
    assert known + unknown == Usage(6, 1, cost_usd=0.5, cost_basis="lower_bound")
    assert (unknown + unknown).cost_usd is None


@pytest.mark.parametrize("basis", ["known", "estimated", "lower_bound"])
def test_usage_is_the_same_after_it_was_recorded(basis: Any) -> None:
    usage = Usage(1, 2, 1, 1, 0.25, basis, 1)
    assert Usage.from_json(usage.to_json()) == usage
    assert replace(usage, cost_basis="lower_bound").to_json()["costBasis"] == "lowerBound"


# Tokens as we count them


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        ("", 0),
        ("four", 1),
        ("fives", 2),
        ("日本", 2),
        ("\ud800", 1),
        (None, 0),
        ([{"role": "user", "content": "12"}], 5),
        ([{"type": "image_url", "image_url": {"url": "data:" + "x" * 100_000}}], 1000),
    ],
)
def test_tokens_are_counted_roughly_and_a_picture_like_another(said: Any, tokens: int) -> None:
    assert count_tokens(said) == tokens
