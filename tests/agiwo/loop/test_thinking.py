"""How the loop thinks: model calls that fail, come again, are steered, run out of steps, tokens or time."""

import asyncio
from typing import Any, get_args

import pytest
from agent_lab import agent_in, ask, calls, items_of, requests_of, tools_offered
from agiwo.errors import RETRYABLE, Conflict, ModelErrorKind
from agiwo.schema.event import (
    ITEM_DELTA,
    ITEM_STARTED,
    RUN_RETRYING,
    RUN_SLEEPING,
    RUN_WOKEN,
    USAGE_UPDATED,
)
from agiwo.schema.run import RunStatus, TerminationReason
from agiwo.testing import RecordingTool
from engine_lab import Lab
from engine_stream import text_of

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}
SLEEP = (RUN_SLEEPING, RUN_WOKEN)


def failure(kind: str, retry_after: float | None = None) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": f"it was {kind}", "retryAfter": retry_after}}


# An answer


async def test_an_answer_is_streamed_and_completed_with_its_reasoning_usage_and_finish_reason(lab: Lab) -> None:
    usage = {"inputTokens": 3, "outputTokens": 5}
    agent = agent_in(lab, {"reasoning": "Hm.", "text": "Good morning", "deltas": 4, "usage": usage})
    run = await ask(lab, agent)
    result = await lab.result(run)
    assert (result.response, result.termination) == ("Good morning", TerminationReason.COMPLETED)
    assert result.usage.total_tokens == 8
    message = (await items_of(lab, run, "agentMessage"))[0]
    assert (message["text"], message["finishReason"], message["usage"]["outputTokens"]) == ("Good morning", "stop", 5)
    assert (await items_of(lab, run, "reasoning"))[0]["text"] == "Hm."
    events = await lab.events(run)
    assert text_of(events, f"{run}.0.message") == "Good morning"
    assert len([event for event in events if event.type == ITEM_DELTA and event.data["kind"] == "text"]) == 4
    assert [event.data["outputTokens"] for event in events if event.type == USAGE_UPDATED] == [5]


async def test_usage_of_all_model_calls_adds_up(lab: Lab) -> None:
    usage = {"usage": {"inputTokens": 3, "outputTokens": 5, "cachedTokens": 1}}
    agent = agent_in(lab, {**calls("record"), **usage}, {**DONE, **usage}, tools=[RecordingTool(effect="read")])
    total = (await lab.result(await ask(lab, agent))).usage
    assert (total.input_tokens, total.output_tokens, total.cached_tokens) == (6, 10, 2)


async def test_what_the_user_says_may_have_pictures(lab: Lab) -> None:
    agent = agent_in(lab, DONE)
    parts = [{"type": "text", "text": "Who?"}, {"type": "image", "data": "aGk=", "mimeType": "image/png"}]
    run = await ask(lab, agent, parts)
    await lab.result(run)
    said = requests_of(agent)[0][-1]["content"]
    assert said == [
        {"type": "text", "text": "Who?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
    ]
    assert (await items_of(lab, run, "userMessage"))[0]["content"] == parts


# Failures


@pytest.mark.parametrize("kind", [kind for kind in get_args(ModelErrorKind) if kind not in RETRYABLE])
async def test_a_failure_that_will_not_pass_ends_the_run_at_once(lab: Lab, kind: str) -> None:
    agent = agent_in(lab, failure(kind), DONE)
    result = await lab.result(await ask(lab, agent))
    assert (result.status, result.termination) == (RunStatus.FAILED, TerminationReason.ERROR)
    assert result.error
    assert (result.error["kind"], result.error["message"]) == (kind, f"it was {kind}")
    assert result.error["retryable"] is False
    assert len(requests_of(agent)) == 1


async def test_a_failure_after_a_first_answer_keeps_what_was_said(lab: Lab) -> None:
    first = {"text": "So far so good.", **calls("record")}
    agent = agent_in(lab, first, failure("auth"), tools=[RecordingTool(effect="read")])
    result = await lab.result(await ask(lab, agent))
    assert result.termination == TerminationReason.ERROR_WITH_CONTEXT
    assert result.response == "So far so good."


async def test_what_was_said_before_a_failure_is_closed_as_an_error(lab: Lab) -> None:
    agent = agent_in(lab, {"text": "Once upon", "deltas": 3, **failure("context_length")})
    run = await ask(lab, agent)
    assert (await lab.result(run)).status == RunStatus.FAILED
    message = (await items_of(lab, run, "agentMessage"))[0]
    assert (message["text"], message["finishReason"]) == ("Once upon", "error")
    assert text_of(await lab.events(run), f"{run}.0.message") == "Once upon"


async def test_a_call_that_was_being_said_when_the_model_failed_is_closed_too(lab: Lab) -> None:
    agent = agent_in(lab, {**calls(("record", {"a": 1})), **failure("context_length")}, tools=[RecordingTool()])
    run = await ask(lab, agent)
    assert (await lab.result(run)).status == RunStatus.FAILED
    item = (await items_of(lab, run, "toolCall"))[0]
    assert (item["name"], item["output"]["isError"]) == ("record", True)


# Retries


@pytest.mark.parametrize("kind", sorted(RETRYABLE))
async def test_a_failure_that_may_pass_is_tried_again(lab: Lab, kind: str) -> None:
    agent = agent_in(lab, failure(kind, 0), DONE)
    run = await ask(lab, agent)
    assert (await lab.result(run)).response == "Done."
    retry = next(event for event in await lab.events(run) if event.type == RUN_RETRYING)
    assert retry.data == {"attempt": 2, "delay": 0, "reason": f"it was {kind}", "kind": kind}


async def test_each_extra_request_is_told_once_and_its_deltas_start_again(lab: Lab) -> None:
    cut = {"text": "Good eve", "deltas": 2, **failure("connection", 0)}
    agent = agent_in(lab, cut, cut, {"text": "Good morning", "deltas": 2})
    run = await ask(lab, agent)
    assert (await lab.result(run)).response == "Good morning"
    events = await lab.events(run)
    assert [event.data["attempt"] for event in events if event.type == RUN_RETRYING] == [2, 3]
    deltas = [(event.data["attempt"], event.data["offset"]) for event in events if event.type == ITEM_DELTA]
    assert deltas == [(1, 0), (1, 4), (2, 0), (2, 4), (3, 0), (3, 6)]
    assert [event.data["kind"] for event in events if event.type == ITEM_STARTED] == ["agentMessage"] * 3
    assert [item["text"] for item in await items_of(lab, run, "agentMessage")] == ["Good morning"]


async def test_a_run_sleeps_through_a_pause_that_its_provider_asks_for(lab: Lab) -> None:
    agent = agent_in(lab, failure("rate_limited", 300), failure("overloaded", 3600), DONE, max_steps=1)
    run = await ask(lab, agent)
    await lab.advance(299)
    assert await lab.status(run) == RunStatus.SLEEPING
    assert len(requests_of(agent)) == 1

    await lab.advance(1)
    await lab.advance(3600)
    result = await lab.result(run)
    assert (result.response, result.termination) == ("Done.", TerminationReason.COMPLETED)
    told = [(event.type, event.data.get("seconds")) for event in await lab.events(run) if event.type in SLEEP]
    assert told == [(RUN_SLEEPING, 300), (RUN_WOKEN, None), (RUN_SLEEPING, 3600), (RUN_WOKEN, None)]


@pytest.mark.parametrize("seconds", [120 * 800, 4_294_967])
async def test_a_run_does_not_sleep_for_days(lab: Lab, seconds: float) -> None:
    agent = agent_in(lab, failure("rate_limited", seconds), DONE)
    assert (await lab.result(await ask(lab, agent))).termination == TerminationReason.ERROR


async def test_a_run_that_sleeps_can_be_cancelled(lab: Lab) -> None:
    run = await ask(lab, agent_in(lab, failure("rate_limited", 300), DONE))
    await lab.settle()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


async def test_a_provider_that_wants_one_pause_after_the_other_is_given_up(lab: Lab) -> None:
    agent = agent_in(lab, *[failure("rate_limited", 300)] * 30)
    run = await ask(lab, agent)
    for _ in range(20):
        await lab.advance(300)
    assert (await lab.result(run)).termination == TerminationReason.ERROR
    assert len(requests_of(agent)) == 21


async def test_a_call_begun_in_a_failed_attempt_is_forgotten_in_the_next(lab: Lab) -> None:
    cut = {**calls("record"), **failure("connection", 0)}
    agent = agent_in(lab, cut, DONE, tools=[RecordingTool(effect="read")])
    run = await ask(lab, agent)
    await lab.result(run)
    assert await items_of(lab, run, "toolCall") == []
    late = [event async for event in await lab.engine.events(run)]
    assert not [event for event in late if event.type == ITEM_STARTED]


async def test_when_all_requests_failed_the_run_fails_with_the_last_error(lab: Lab) -> None:
    agent = agent_in(lab, *[failure("overloaded", 0)] * 4)
    run = await ask(lab, agent)
    result = await lab.result(run)
    assert result.error
    assert (result.error["kind"], result.error["retryable"]) == ("overloaded", True)
    assert (await lab.types(run)).count(RUN_RETRYING) == 3


async def test_a_run_is_cancelled_while_it_waits_to_try_again(lab: Lab) -> None:
    agent = agent_in(lab, failure("rate_limited", 100), DONE)
    run = await ask(lab, agent)
    await lab.settle()
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED


# Steering


async def test_what_is_said_while_a_tool_works_is_heard_by_the_next_model_call(lab: Lab) -> None:
    gate = asyncio.Event()
    agent = agent_in(lab, calls("record"), DONE, tools=[RecordingTool(gate=gate, effect="read")])
    lab.is_replayable = False  # what is heard when depends on when it was said
    run = await ask(lab, agent)
    await lab.settle()
    await lab.send(run, "steer", {"content": "Hurry."}, "m1")
    gate.set()
    await lab.result(run)
    assert [message["role"] for message in requests_of(agent)[1]] == ["user", "assistant", "tool", "user"]
    assert requests_of(agent)[1][-1]["content"] == "Hurry."
    assert [item["content"] for item in await items_of(lab, run, "userMessage")] == [
        [{"type": "text", "text": "go"}],
        [{"type": "text", "text": "Hurry."}],
    ]


async def test_what_is_said_during_the_last_answer_gets_an_answer_of_its_own(lab: Lab) -> None:
    lab.is_replayable = False
    agent = agent_in(lab, {"text": "Four score", "deltas": 10}, {"text": "And another thing."})
    run = await ask(lab, agent)
    async for event in await lab.engine.events(run):
        if event.type == ITEM_DELTA:
            break
    await lab.send(run, "steer", {"content": "Go on."}, "m1")
    assert (await lab.result(run)).response == "And another thing."
    assert [message["content"] for message in requests_of(agent)[1]] == ["go", "Four score", "Go on."]


async def test_after_the_last_answer_nothing_more_is_taken(lab: Lab) -> None:
    agent = agent_in(lab, DONE)
    run = await ask(lab, agent)
    await lab.result(run)
    with pytest.raises(Conflict):
        await lab.send(run, "steer", {"content": "Wait!"}, "m1")


async def test_what_was_steered_is_part_of_the_session(lab: Lab) -> None:
    gate = asyncio.Event()
    lab.is_replayable = False
    agent = agent_in(lab, calls("record"), DONE, tools=[RecordingTool(gate=gate, effect="read")])
    run = await ask(lab, agent, "first", session="s")
    await lab.settle()
    await lab.send(run, "steer", {"content": "Hurry."}, "m1")
    gate.set()
    await lab.result(run)
    next_run = agent_in(lab, DONE, id="next")
    await lab.result(await ask(lab, next_run, "second", session="s"))
    said = [message["content"] for message in requests_of(next_run)[0] if message["role"] == "user"]
    assert said == ["first", "Hurry.", "second"]


# Limits


async def test_a_run_out_of_steps_sums_up_without_tools(lab: Lab) -> None:
    agent = agent_in(
        lab, calls("record"), calls("record"), {"text": "In short: no."}, tools=[RecordingTool()], max_steps=2
    )
    result = await lab.result(await ask(lab, agent))
    assert (result.status, result.termination) == (RunStatus.COMPLETED, TerminationReason.MAX_STEPS)
    assert result.response == "In short: no."
    assert "the limit of model calls for this run is reached" in requests_of(agent)[-1][-1]["content"]
    assert tools_offered(agent) == [("record",), ("record",), ()]


async def test_a_run_may_go_without_a_summary(lab: Lab) -> None:
    first = {"text": "So far.", **calls("record")}
    agent = agent_in(lab, first, tools=[RecordingTool()], max_steps=1, enable_termination_summary=False)
    result = await lab.result(await ask(lab, agent))
    assert (result.termination, result.response) == (TerminationReason.MAX_STEPS, "So far.")


async def test_the_prompt_for_the_summary_may_be_ones_own(lab: Lab) -> None:
    agent = agent_in(
        lab,
        calls("record"),
        DONE,
        tools=[RecordingTool()],
        max_steps=1,
        termination_summary_prompt="Stop, because %s.",
    )
    await lab.result(await ask(lab, agent))
    prompt = requests_of(agent)[-1][-1]["content"]
    assert prompt == "Stop, because the limit of model calls for this run is reached."


async def test_a_summary_that_fails_leaves_what_was_said_last(lab: Lab) -> None:
    first = {"text": "So far.", **calls("record")}
    agent = agent_in(lab, first, failure("auth"), tools=[RecordingTool()], max_steps=1)
    result = await lab.result(await ask(lab, agent))
    assert (result.status, result.response) == (RunStatus.COMPLETED, "So far.")


async def test_only_output_tokens_count_for_the_limit_of_tokens(lab: Lab) -> None:
    usage = {"usage": {"inputTokens": 100_000, "outputTokens": 40}}
    turns = [{**calls("record"), **usage}] * 3
    agent = agent_in(lab, *turns, {"text": "In short."}, tools=[RecordingTool(effect="read")], max_output_tokens=100)
    result = await lab.result(await ask(lab, agent))
    assert (result.termination, result.response) == (TerminationReason.MAX_TOKENS, "In short.")
    assert len(requests_of(agent)) == 4


async def test_a_run_out_of_time_in_a_tool_tells_the_model_and_lets_it_sum_up(lab: Lab) -> None:
    slow = RecordingTool(gate=asyncio.Event(), effect="read", timeout_seconds=None)
    agent = agent_in(lab, calls("record"), {"text": "It takes too long."}, tools=[slow], run_timeout=60)
    run = await ask(lab, agent)
    await lab.advance(60)
    result = await lab.result(run)
    assert (result.status, result.termination) == (RunStatus.COMPLETED, TerminationReason.TIMEOUT)
    assert result.response == "It takes too long."
    told = requests_of(agent)[-1]
    assert told[2]["content"] == "The run was interrupted before this call gave a result."
    assert "the time for this run is over" in told[3]["content"]


async def test_a_run_out_of_time_while_the_model_speaks_keeps_what_was_said(lab: Lab) -> None:
    agent = agent_in(lab, {"text": "Let me think", "deltas": 2, "hang": True}, DONE, run_timeout=60)
    run = await ask(lab, agent)
    await lab.advance(60)
    assert (await lab.result(run)).response == "Done."
    messages = [(item["text"], item["finishReason"]) for item in await items_of(lab, run, "agentMessage")]
    assert messages == [("Let me think", "timeout"), ("Done.", "stop")]


async def test_a_run_out_of_time_while_it_sums_up_for_another_reason_ends_for_that_reason(lab: Lab) -> None:
    agent = agent_in(
        lab, calls("record"), {"text": "In sh", "hang": True}, tools=[RecordingTool()], max_steps=1, run_timeout=60
    )
    run = await ask(lab, agent)
    await lab.advance(60)
    result = await lab.result(run)
    assert (result.status, result.termination) == (RunStatus.COMPLETED, TerminationReason.MAX_STEPS)


async def test_a_summary_that_hangs_is_given_up(lab: Lab) -> None:
    hanging = {"text": "I", "hang": True}
    agent = agent_in(lab, hanging, hanging, run_timeout=60)
    run = await ask(lab, agent)
    await lab.advance(60)
    assert await lab.status(run) == RunStatus.CANCELLING
    await lab.advance(60)
    assert (await lab.result(run)).termination == TerminationReason.TIMEOUT


# Cancels


async def test_a_run_cancelled_while_the_model_speaks_keeps_what_was_said(lab: Lab) -> None:
    agent = agent_in(lab, {"reasoning": "Hm", "text": "Once upon", "deltas": 2, "hang": True})
    run = await ask(lab, agent)
    await lab.settle()
    assert (await lab.cancel(run)).reason == "enough"
    message = (await items_of(lab, run, "agentMessage"))[0]
    assert (message["text"], message["finishReason"]) == ("Once upon", "cancelled")
    assert (await items_of(lab, run, "reasoning"))[0]["text"] == "Hm"


async def test_a_run_cancelled_while_it_sums_up_is_cancelled(lab: Lab) -> None:
    hanging = {"text": "I", "hang": True}
    agent = agent_in(lab, hanging, hanging, run_timeout=60)
    run = await ask(lab, agent)
    await lab.advance(60)
    assert (await lab.cancel(run)).status == RunStatus.CANCELLED
