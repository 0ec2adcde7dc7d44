"""What a run costs, as its user sees it: in the output, the metrics and the stream, over a provider's own wire."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from agiwo import Agent, AgentOptions, Budget, TerminationReason
from agiwo.agent import RunError
from agiwo.errors import BudgetExhausted
from agiwo.llm import OpenAIModel, Price
from agiwo.schema.event import USAGE_UPDATED
from fake_provider import DONE, FINISH, START, Answer, FakeProvider, delta, says, usage

pytestmark = pytest.mark.anyio

LISTED = 7 * 0.15e-6 + 1 * 0.6e-6
"""Dollars for what `says` tells, of the model in these tests."""


@asynccontextmanager
async def clerk(
    *answers: Answer, options: AgentOptions | None = None, price: Price | None = None
) -> AsyncGenerator[tuple[Agent, FakeProvider]]:
    """An agent, and the provider that it asks."""
    async with FakeProvider(*(answers or (says("Hello."),))) as provider:
        model = OpenAIModel("gpt-4o-mini", base_url=provider.base_url, api_key="k", price=price, retries=1)
        agent = Agent("clerk", "Answers.", model, [], options=options)
        yield agent, provider
        await agent.close()


async def test_tokens_that_the_provider_told_at_a_known_price_are_a_known_cost() -> None:
    async with clerk() as (agent, _):
        output = await agent.run("Hi.")
    assert (output.metrics.cost_usd, output.metrics.cost_basis) == (pytest.approx(LISTED), "known")
    assert (output.usage.cost_usd, output.usage.cost_basis) == (output.metrics.cost_usd, "known")


async def test_the_stream_tells_what_each_answer_cost_and_at_the_end_what_all_did() -> None:
    async with clerk() as (agent, _):
        told = {event.name: event.data async for event in agent.run_stream("Hi.")}
    assert told[USAGE_UPDATED]["costUsd"] == pytest.approx(LISTED)
    assert told["run/completed"]["usage"]["costUsd"] == pytest.approx(LISTED)
    assert told["run/completed"]["usage"]["costBasis"] == "known"


async def test_tokens_that_the_provider_does_not_tell_are_estimated() -> None:
    silent = Answer([START, delta(content="Hello you."), FINISH, DONE])
    async with clerk(silent, price=Price(1, 1)) as (agent, _):
        output = await agent.run("Hi.")
    assert (output.usage.output_tokens, output.usage.cost_basis) == (3, "estimated")
    assert output.usage.cost_usd


async def test_an_answer_that_was_cut_and_came_again_costs_at_least_both() -> None:
    cut = Answer([START, delta(content="Half of it"), usage(100, 10)], end="cut")
    async with clerk(cut, says("Hello."), price=Price(1, 1)) as (agent, _):
        output = await agent.run("Hi.")
    assert (output.usage.cost_basis, output.usage.total_tokens) == ("lower_bound", 118)
    assert output.usage.cost_usd == pytest.approx(118e-6)


async def test_a_budget_is_given_to_a_run_inside_that_of_its_agent() -> None:
    options = AgentOptions(budget=Budget(calls=5, cost_usd=1e-9))
    async with clerk(options=options) as (agent, provider):
        assert (await agent.run("Hi.", budget=Budget(calls=1))).termination_reason == TerminationReason.BUDGET_EXHAUSTED
        names = [event.name async for event in agent.run_stream("Hi.", budget=Budget(tokens=1000))]
        handle = await agent.start("Hi.", budget=Budget(cost_usd=1))
        with pytest.raises(RunError, match="the budget is used up: it has"):
            (await handle.wait()).raise_for_error()
        assert (names[-1], provider.requests) == ("run/failed", [])


async def test_a_run_whose_input_is_more_than_its_budget_is_not_started() -> None:
    async with clerk() as (agent, _):
        with pytest.raises(BudgetExhausted, match="the first request has about 125 tokens, and the budget 100"):
            await agent.run("word " * 100, budget=Budget(tokens=100))
