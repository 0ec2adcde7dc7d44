"""Budgets: held against each request before it is made, shared by a tree of runs, and the same in every replay."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from agent_lab import agent_in, ask, calls, items_of, requests_of, tools_offered
from agiwo.agent import Agent, Budget, as_tool
from agiwo.errors import ConfigError
from agiwo.llm import Price
from agiwo.llm.scripted import ScriptedModel
from agiwo.schema.run import RunResult, RunStatus, TerminationReason, Usage
from agiwo.testing import RecordingTool
from agiwo.tool.order import SIDE_BY_SIDE
from engine_lab import Lab

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}
SUMMARY: dict[str, Any] = {"text": "In short."}
EXHAUSTED = TerminationReason.BUDGET_EXHAUSTED


def using(turn: dict[str, Any], input: int, output: int, **more: Any) -> dict[str, Any]:
    return {**turn, "usage": {"inputTokens": input, "outputTokens": output, **more}}


def busy(turns: int, input: int = 100, output: int = 20) -> list[dict[str, Any]]:
    """A model that goes on calling a tool."""
    return [using({"text": "So far.", **calls("record")}, input, output)] * turns


def task(name: str) -> tuple[str, Any]:
    return name, {"task": "look"}


def total(agents: Sequence[Agent]) -> int:
    """The requests of all of these agents."""
    return sum(len(requests_of(agent)) for agent in agents)


async def run(lab: Lab, agent: Agent) -> RunResult:
    return await lab.result(await ask(lab, agent))


# What is not a budget


@pytest.mark.parametrize("name", ["cost_usd", "tokens", "calls", "seconds"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_limit_of_nothing_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"budget.{name} is"):
        Budget(**{name: value})


def test_a_budget_inside_another_one_has_the_lower_limit_of_each() -> None:
    assert Budget(cost_usd=1, tokens=5).within(Budget(tokens=7, calls=2)) == Budget(1, 5, 2)
    assert Budget(tokens=9).within(Budget(tokens=7)) == Budget(tokens=7)
    assert Budget(tokens=9).within(None) == Budget(tokens=9)


# Calls


async def test_a_run_that_keeps_within_its_budget_is_not_disturbed(lab: Lab) -> None:
    budget = Budget(cost_usd=1, tokens=1000, calls=2, seconds=10)
    agent = agent_in(lab, calls("record"), DONE, tools=[RecordingTool()], budget=budget)
    result = await run(lab, agent)
    assert (result.response, result.termination) == ("Done.", TerminationReason.COMPLETED)


async def test_no_more_calls_are_made_than_the_budget_has_and_none_for_a_summary(lab: Lab) -> None:
    agent = agent_in(lab, *busy(5), tools=[RecordingTool()], budget=Budget(calls=3))
    result = await run(lab, agent)
    assert (result.status, result.termination) == (RunStatus.COMPLETED, EXHAUSTED)
    assert (result.response, result.counts["requests"]) == ("So far.", 3)
    assert len(requests_of(agent)) == 3


async def test_a_run_that_its_budget_left_without_any_answer_has_failed_and_says_why(lab: Lab) -> None:
    agent = agent_in(lab, calls("record"), DONE, tools=[RecordingTool()], budget=Budget(calls=1))
    result = await run(lab, agent)
    assert (result.status, result.termination, result.response) == (RunStatus.FAILED, EXHAUSTED, None)
    message = "the budget is used up: no further request to a model may be made"
    assert result.error == {"kind": "budget_exhausted", "message": message, "retryable": False}


async def test_requests_that_failed_are_calls_too(lab: Lab) -> None:
    lost = {"error": {"kind": "overloaded", "message": "busy", "retryAfter": 0}}
    agent = agent_in(lab, lost, lost, lost, DONE, budget=Budget(calls=2))
    result = await run(lab, agent)
    assert (result.status, result.termination, result.counts["requests"]) == (RunStatus.FAILED, EXHAUSTED, 2)
    assert len(requests_of(agent)) == 2


# Tokens


async def test_before_the_tokens_are_used_up_the_run_sums_up_with_what_is_kept_for_that(lab: Lab) -> None:
    turns = busy(2, input=100, output=50)
    agent = agent_in(lab, *turns, using(SUMMARY, 150, 10), tools=[RecordingTool()], budget=Budget(tokens=600))
    result = await run(lab, agent)
    assert (result.status, result.termination, result.response) == (RunStatus.COMPLETED, EXHAUSTED, "In short.")
    assert [len(tools) for tools in tools_offered(agent)] == [1, 1, 0]
    assert "the budget of this run is used up" in requests_of(agent)[-1][-1]["content"]
    assert result.usage.total_tokens <= 600


async def test_a_summary_that_the_budget_does_not_pay_for_is_not_made(lab: Lab) -> None:
    agent = agent_in(lab, *busy(3, input=100, output=50), tools=[RecordingTool()], budget=Budget(tokens=200))
    result = await run(lab, agent)
    assert (result.termination, result.response, len(requests_of(agent))) == (EXHAUSTED, "So far.", 1)


async def test_without_a_summary_to_keep_something_for_a_run_goes_on_for_longer(lab: Lab) -> None:
    turns = busy(5, input=100, output=0)
    options: Any = {"enable_termination_summary": False, "budget": Budget(tokens=350)}
    agent = agent_in(lab, *turns, tools=[RecordingTool()], **options)
    result = await run(lab, agent)
    assert (result.termination, result.usage.total_tokens) == (EXHAUSTED, 300)


async def test_only_the_answer_under_way_can_use_more_than_there_is(lab: Lab) -> None:
    turns = [using({"text": "So far.", **calls("record")}, 10, 400)] * 3
    agent = agent_in(lab, *turns, tools=[RecordingTool()], budget=Budget(tokens=100))
    result = await run(lab, agent)
    assert (result.termination, result.usage.total_tokens) == (EXHAUSTED, 410)


async def test_a_long_conversation_is_not_sent_when_the_budget_is_too_small_for_it(lab: Lab) -> None:
    first = agent_in(lab, {"text": "word " * 1000})
    await lab.result(await ask(lab, first, session="s"))
    second = agent_in(lab, DONE, id="second", budget=Budget(tokens=500))
    result = await lab.result(await ask(lab, second, session="s"))
    assert (result.status, result.termination) == (RunStatus.FAILED, EXHAUSTED)
    assert requests_of(second) == []


async def test_a_limit_of_time_or_steps_allows_a_summary_only_if_the_budget_pays_for_it(lab: Lab) -> None:
    agent = agent_in(lab, *busy(2), SUMMARY, tools=[RecordingTool()], max_steps=2, budget=Budget(calls=2))
    result = await run(lab, agent)
    assert (result.termination, result.response) == (TerminationReason.MAX_STEPS, "So far.")
    assert len(requests_of(agent)) == 2


# Dollars


def priced(agent: Agent, input: float, output: float, **more: float) -> Agent:
    agent.model.price = Price(input, output, **more)
    return agent


async def test_dollars_are_held_against_the_price_of_the_model(lab: Lab) -> None:
    turns = [using({"text": "So far.", **calls("record")}, 1000, 100)] * 9
    agent = priced(agent_in(lab, *turns, tools=[RecordingTool()], budget=Budget(cost_usd=0.02)), 2.0, 10.0)
    result = await run(lab, agent)
    assert (result.termination, result.usage.cost_basis) == (EXHAUSTED, "known")
    assert 0.01 < (result.usage.cost_usd or 0) <= 0.02


async def test_what_a_model_costs_must_be_known_for_a_budget_of_dollars(lab: Lab) -> None:
    agent = agent_in(lab, DONE, budget=Budget(cost_usd=1))
    agent.model.price = None
    agent.model.provider = "nobody"
    result = await run(lab, agent)
    assert result.error
    assert (result.status, result.error["kind"]) == (RunStatus.FAILED, "no_price")
    assert requests_of(agent) == []


async def test_what_costs_nothing_is_not_limited_by_dollars(lab: Lab) -> None:
    agent = agent_in(lab, *busy(3), DONE, tools=[RecordingTool()], budget=Budget(cost_usd=1e-9))
    result = await run(lab, agent)
    assert (result.termination, result.usage.cost_usd) == (TerminationReason.COMPLETED, 0.0)


async def test_a_model_that_stands_in_for_another_has_a_price_of_its_own(lab: Lab) -> None:
    agent = agent_in(lab, {"error": {"kind": "auth", "message": "no"}}, id="first")
    agent.model.fallback = [ScriptedModel(turns=[DONE, using(DONE, 1000, 0)], price=Price(3.0, 0))]
    result = await run(lab, agent)
    assert (result.usage.cost_usd, result.usage.cost_basis) == (0.003, "known")


# Trees


async def test_what_an_agent_behind_a_tool_uses_is_used_by_the_run_above_it(lab: Lab) -> None:
    child = agent_in(lab, using(DONE, 100, 10), id="child")
    agent = agent_in(lab, using(calls(task("child")), 10, 5), using(DONE, 20, 5), tools=[as_tool(child)])
    result = await run(lab, agent)
    assert (result.usage.total_tokens, result.counts["requests"]) == (150, 3)
    assert (result.usage.cost_usd, result.usage.cost_basis) == (0.0, "known")


async def test_agents_side_by_side_share_the_calls_that_are_left(lab: Lab) -> None:
    names = ["ann", "bob"]
    children = [agent_in(lab, *busy(9), id=name, tools=[RecordingTool()]) for name in names]
    tools = [as_tool(child) for child in children]
    agent = agent_in(lab, calls(*map(task, names)), DONE, tools=tools, budget=Budget(calls=7))
    result = await run(lab, agent)
    assert (result.response, result.termination) == ("Done.", TerminationReason.COMPLETED)
    assert [len(requests_of(child)) for child in children] == [2, 2]
    assert (total([agent, *children]), result.counts["requests"]) == (6, 6)


async def test_what_an_agent_did_not_use_is_there_for_the_next_one(lab: Lab) -> None:
    modest = agent_in(lab, DONE, id="modest")
    greedy = agent_in(lab, *busy(9), id="greedy", tools=[RecordingTool()])
    turns = [calls(task("modest")), calls(task("greedy")), DONE]
    agent = agent_in(lab, *turns, tools=[as_tool(modest), as_tool(greedy)], budget=Budget(calls=11))
    result = await run(lab, agent)
    assert result.response == "Done."
    assert (len(requests_of(modest)), len(requests_of(greedy))) == (1, 4)


async def test_a_deep_tree_keeps_within_the_tokens_but_for_the_answers_under_way(lab: Lab) -> None:
    lab.is_replayable = False  # a replay of each of so many prefixes takes minutes
    leaf = agent_in(lab, *busy(50), id="leaf", tools=[RecordingTool()])
    middle = agent_in(lab, *[using(calls(task("leaf"), task("leaf")), 100, 20)] * 9, id="middle", tools=[as_tool(leaf)])
    turns = [using(calls(task("middle"), task("middle"), task("middle")), 100, 20)] * 9
    agent = agent_in(lab, *turns, tools=[as_tool(middle)], budget=Budget(tokens=4000))
    result = await run(lab, agent)
    assert result.usage.total_tokens == 120 * total([agent, middle, leaf])
    assert result.counts["requests"] == total([agent, middle, leaf]) > 10
    assert result.usage.total_tokens <= 4000 + 20 * 6


async def test_an_agent_for_which_nothing_is_left_is_not_asked(lab: Lab) -> None:
    child = agent_in(lab, DONE, id="child")
    agent = agent_in(lab, calls(task("child"), task("child")), DONE, tools=[as_tool(child)], budget=Budget(calls=3))
    result = await run(lab, agent)
    told = [item["output"]["content"] for item in await items_of(lab, "run1", "toolCall")]
    assert told == ["Error: what is left of the budget is too little to ask the agent 'child'"] * 2
    assert (result.response, requests_of(child)) == ("Done.", [])


async def test_an_agent_keeps_to_its_own_budget_inside_its_share(lab: Lab) -> None:
    child = agent_in(lab, *busy(9), id="child", tools=[RecordingTool()], budget=Budget(calls=1))
    agent = agent_in(lab, calls(task("child")), DONE, tools=[as_tool(child)], budget=Budget(calls=100))
    assert (await run(lab, agent)).response == "Done."
    assert len(requests_of(child)) == 1


async def test_after_a_crash_no_more_is_left_than_before(lab: Lab) -> None:
    gate = asyncio.Event()
    child = agent_in(lab, *busy(9), id="child", tools=[RecordingTool(gate=gate, effect="read")])
    agent = agent_in(lab, calls(task("child")), DONE, tools=[as_tool(child)], budget=Budget(calls=7))
    run_id = await ask(lab, agent)
    await lab.settle()
    await lab.restart()
    gate.set()
    assert (await lab.result(run_id)).counts["requests"] == total([agent, child]) == 5


async def test_what_an_agent_had_that_was_given_up_counts_as_used(lab: Lab) -> None:
    child = agent_in(lab, {"text": "so far", "hang": True}, id="child", run_timeout=None)
    options: Any = {"run_timeout": 60, "budget": Budget(calls=3)}
    agent = agent_in(lab, calls(task("child")), SUMMARY, tools=[as_tool(child)], **options)
    run_id = await ask(lab, agent)
    await lab.advance(60)
    result = await lab.result(run_id)
    assert (result.termination, result.response) == (TerminationReason.TIMEOUT, "In short.")
    assert result.usage.cost_basis == "lower_bound"


# What failed


async def test_what_was_lost_with_a_failed_request_counts_as_a_lower_bound(lab: Lab) -> None:
    cut = {"kind": "connection", "message": "it was cut", "retryAfter": 0}
    lost = {"text": "Half an ans", "deltas": 3, "error": cut}
    agent = priced(agent_in(lab, lost, using(DONE, 1000, 0)), 1.0, 1.0)
    usage = (await run(lab, agent)).usage
    assert usage.cost_basis == "lower_bound"
    assert usage.cost_usd
    assert 0.001 < usage.cost_usd < 0.0011
    assert usage.output_tokens == 3


async def test_a_request_that_was_refused_costs_nothing(lab: Lab) -> None:
    refused = {"error": {"kind": "overloaded", "message": "busy", "retryAfter": 0}}
    agent = priced(agent_in(lab, refused, using(DONE, 1000, 0)), 1.0, 1.0)
    assert (await run(lab, agent)).usage == Usage(1000, 0, cost_usd=0.001, cost_basis="known")


async def test_a_run_whose_model_failed_tells_what_was_lost(lab: Lab) -> None:
    broken = {"text": "Half an ans", "error": {"kind": "context_length", "message": "too long"}}
    result = await run(lab, priced(agent_in(lab, broken), 1.0, 1.0))
    assert (result.usage.output_tokens, result.usage.cost_basis) == (3, "lower_bound")
    assert result.error == {
        "kind": "context_length",
        "message": "too long",
        "retryable": False,
        "provider": "scripted",
    }


async def test_an_answer_that_was_cut_off_costs_at_least_what_had_come(lab: Lab) -> None:
    agent = agent_in(lab, {"text": "Once upon a time", "deltas": 2, "hang": True})
    run_id = await ask(lab, agent)
    await lab.settle()
    usage = (await lab.cancel(run_id)).usage
    assert (usage.output_tokens, usage.cost_basis) == (4, "lower_bound")


async def test_tokens_that_nobody_told_are_counted_and_said_to_be_estimated(lab: Lab) -> None:
    agent = priced(agent_in(lab, {"text": "Four tokens. Yes"}), 1.0, 1.0)
    usage = (await run(lab, agent)).usage
    assert (usage.output_tokens, usage.cost_basis) == (4, "estimated")
    assert usage.input_tokens > 0


# How else a run may end


@pytest.mark.parametrize("limit", [{"max_steps": 2}, {"max_output_tokens": 30}])
async def test_limits_count_again_after_a_run_was_woken(lab: Lab, limit: dict[str, Any]) -> None:
    pause = {"error": {"kind": "rate_limited", "message": "later", "retryAfter": 300}}
    agent = agent_in(lab, *busy(1), pause, *busy(2), SUMMARY, tools=[RecordingTool()], **limit)
    run_id = await ask(lab, agent)
    await lab.advance(300)
    assert (await lab.result(run_id)).response == "In short."
    assert len(requests_of(agent)) == 5


async def test_a_budget_counts_on_after_a_run_was_woken(lab: Lab) -> None:
    pause = {"error": {"kind": "rate_limited", "message": "later", "retryAfter": 300}}
    agent = agent_in(lab, *busy(1), pause, *busy(2), tools=[RecordingTool()], budget=Budget(calls=3))
    run_id = await ask(lab, agent)
    await lab.advance(300)
    assert (await lab.result(run_id)).termination == EXHAUSTED
    assert len(requests_of(agent)) == 3


async def test_a_model_that_never_stops_calling_tools_ends_with_a_summary(lab: Lab) -> None:
    record = RecordingTool(effect="read")
    agent = agent_in(lab, *[calls("record")] * 8, SUMMARY, tools=[record], max_steps=8)
    result = await run(lab, agent)
    assert (result.termination, result.response, len(record.calls)) == (TerminationReason.MAX_STEPS, "In short.", 8)


async def test_a_thousand_calls_in_one_answer_all_have_a_result_and_few_run_at_once(lab: Lab) -> None:
    lab.is_replayable = False  # a replay of each of so many prefixes takes minutes
    at_work, most = 0, 0

    async def look() -> str:
        """Looks."""
        nonlocal at_work, most
        at_work, most = at_work + 1, max(most, at_work + 1)
        await asyncio.sleep(0)
        at_work -= 1
        return "seen"

    agent = agent_in(lab, calls(*["look"] * 1000), DONE, tools=[look])
    assert (await run(lab, agent)).response == "Done."
    assert [message["content"] for message in requests_of(agent)[1][2:]] == ["seen"] * 1000
    assert most <= SIDE_BY_SIDE


REASONS: dict[TerminationReason, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    TerminationReason.COMPLETED: ([DONE], {}),
    TerminationReason.MAX_STEPS: ([calls("record"), SUMMARY], {"max_steps": 1}),
    TerminationReason.MAX_TOKENS: ([using(calls("record"), 1, 9), SUMMARY], {"max_output_tokens": 9}),
    TerminationReason.BUDGET_EXHAUSTED: (busy(2), {"budget": Budget(calls=1)}),
    TerminationReason.TIMEOUT: ([{"text": "I", "hang": True}, SUMMARY], {"run_timeout": 60}),
    TerminationReason.ERROR: ([{"error": "no"}], {}),
    TerminationReason.ERROR_WITH_CONTEXT: ([calls("record"), {"error": "no"}], {}),
    TerminationReason.CANCELLED: ([{"text": "I", "hang": True}], {"run_timeout": None}),
}


def test_all_reasons_but_two_of_old_can_be_reached() -> None:
    assert set(TerminationReason) - set(REASONS) == {TerminationReason.SLEEPING, TerminationReason.TOOL_LIMIT}


@pytest.mark.parametrize("reason", REASONS)
async def test_each_reason_ends_a_run(lab: Lab, reason: TerminationReason) -> None:
    turns, options = REASONS[reason]
    run_id = await ask(lab, agent_in(lab, *turns, tools=[RecordingTool()], **options))
    await lab.advance(60)
    if reason == TerminationReason.CANCELLED:
        await lab.cancel(run_id)
    assert (await lab.result(run_id)).termination == reason
