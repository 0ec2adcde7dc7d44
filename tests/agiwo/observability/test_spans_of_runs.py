"""What a run's records tell as spans: which there are, where they stand, how long they took, and how they ended."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from agent_lab import Careful, agent_in, ask, calls
from agiwo.llm.price import Price
from agiwo.observability import SpanKind, SpanStatus
from agiwo.observability.tree import TraceFold
from agiwo.schema.approval import TOPIC
from agiwo.schema.event import APPROVAL_RESOLVED, NewEvent
from agiwo.schema.record import Record
from agiwo.schema.trace_context import TraceContext
from agiwo.testing import RecordingTool
from agiwo.tool import tool
from engine_lab import Lab
from scheduler_lab import Desk, agent_with, nap
from trace_lab import check_trace, drawn, trace_of

pytestmark = pytest.mark.anyio

DONE = {"text": "Done."}


def failing(kind: str, retry_after: float | None = 0) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": f"it was {kind}", "retryAfter": retry_after}}


@tool
def breaks() -> str:
    """Breaks."""
    raise RuntimeError("the password is swordfish")


async def test_a_run_its_model_calls_and_its_tool_calls_are_one_tree(lab: Lab):
    agent = agent_in(lab, calls("note", "breaks"), DONE, tools=[RecordingTool("note"), breaks])
    run = await ask(lab, agent)
    await lab.result(run)

    trace = await trace_of(lab, run)

    assert drawn(trace) == [
        "invoke_agent agent ok 0",
        "  chat script ok 0",
        "  execute_tool note ok 0",
        "  execute_tool breaks error 0 tool_error",
        "  chat script ok 0",
    ]
    assert (trace.status, trace.total_llm_calls, trace.total_tool_calls, trace.max_depth) == ("ok", 2, 2, 0)


async def test_a_child_run_stands_below_the_call_that_started_it(lab: Lab):
    child = agent_in(lab, calls("note"), DONE, id="child", tools=[RecordingTool("note")])
    agent = agent_in(lab, calls(("child", {"task": "Do it."})), DONE, tools=[child.as_tool()])
    run = await ask(lab, agent)
    await lab.result(run)

    trace = await trace_of(lab, run)

    assert drawn(trace) == [
        "invoke_agent agent ok 0",
        "  chat script ok 0",
        "  execute_tool child ok 0",
        "    invoke_agent child ok 0",
        "      chat script ok 0",
        "      execute_tool note ok 0",
        "      chat script ok 0",
        "  chat script ok 0",
    ]
    assert (trace.total_llm_calls, trace.total_tool_calls, trace.max_depth) == (4, 2, 1)


async def test_a_pause_before_a_model_is_asked_again_is_part_of_its_call(lab: Lab):
    agent = agent_in(lab, failing("overloaded"), failing("overloaded"), DONE)
    run = await ask(lab, agent)
    await lab.result(run)

    trace = await trace_of(lab, run)

    call = next(span for span in trace.spans if span.kind == SpanKind.LLM_CALL)
    pauses = [span for span in trace.spans if span.kind == SpanKind.RETRY]
    assert [(pause.parent_span_id, pause.error_type) for pause in pauses] == [(call.span_id, "overloaded")] * 2
    assert [pause.attributes["agiwo.retry.attempt"] for pause in pauses] == [2, 3]
    assert call.status == SpanStatus.OK
    assert trace.total_llm_calls == 1


async def test_a_model_that_fails_is_an_error_of_its_call_and_of_its_run(lab: Lab):
    run = await ask(lab, agent_in(lab, failing("auth")))
    await lab.result(run)

    trace = await trace_of(lab, run)

    assert drawn(trace) == ["invoke_agent agent error 0 auth", "  chat script error 0 auth"]
    assert trace.status == SpanStatus.ERROR
    assert trace.spans[0].attributes["agiwo.termination_reason"] == "error"
    assert [span.attributes["error.type"] for span in trace.spans] == ["auth", "auth"]


async def test_a_cancelled_run_is_cancelled_and_no_error(lab: Lab):
    agent = agent_in(lab, {"text": "thinking", "hang": True})
    run = await ask(lab, agent)
    await lab.advance(7)
    await lab.cancel(run)

    trace = await trace_of(lab, run)

    assert drawn(trace) == ["invoke_agent agent cancelled 7000", "  chat script cancelled 7000"]
    assert trace.status == SpanStatus.CANCELLED


async def test_a_call_that_runs_out_of_time_with_its_run_is_an_error(lab: Lab):
    agent = agent_in(lab, calls("hangs"), DONE, tools=[_hangs()], run_timeout=60)
    run = await ask(lab, agent)
    await lab.advance(60)
    await lab.result(run)

    lines = drawn(await trace_of(lab, run))

    assert "  execute_tool hangs error 60000 timeout" in lines
    assert lines[0] == "invoke_agent agent ok 60000"


def _hangs() -> Any:
    @tool(timeout_seconds=None)
    async def hangs() -> str:
        """Never ends."""
        await asyncio.Event().wait()
        return ""

    return hangs


async def test_a_wait_for_somebodys_word_is_part_of_the_call_that_asks(lab: Lab):
    run = await ask(lab, agent_in(lab, calls("rm"), DONE, tools=[Careful("rm")]))
    await lab.advance(30)
    assert drawn(await trace_of(lab, run)) == [
        "invoke_agent agent running …",
        "  chat script ok 0",
        "  execute_tool rm running …",
        "    approval rm running …",
    ]
    await _answer(lab, run, "deny")
    await lab.result(run)

    trace = await trace_of(lab, run)

    assert drawn(trace)[2:4] == ["  execute_tool rm error 30000 approval_denied", "    approval rm ok 30000"]
    wait = next(span for span in trace.spans if span.kind == SpanKind.APPROVAL)
    assert (wait.attributes["agiwo.approval.outcome"], wait.attributes["agiwo.approval.by"]) == ("deny", "test")


async def _answer(lab: Lab, run: str, option: str) -> None:
    asked = next(event for event in await lab.events(run) if event.type == "approval/requested")
    id = asked.data["approvalId"]
    said = {"approvalId": id, "option": option, "reason": "", "by": "test"}
    resolved = {"approvalId": id, "name": "rm", "outcome": option, "by": "test"}
    await lab.engine.send_first(run, id, TOPIC, said, NewEvent(APPROVAL_RESOLVED, resolved, asked.item))


async def test_no_span_lasts_over_a_sleep_and_what_comes_after_is_linked(lab: Lab):
    run = await ask(lab, agent_in(lab, failing("rate_limited", 300), DONE))
    await lab.advance(100)
    assert drawn(await trace_of(lab, run)) == [
        "invoke_agent agent unset 0",
        "  chat script error 0 rate_limited",
        "  sleep running …",
    ]
    await lab.advance(200)
    await lab.result(run)

    trace = await trace_of(lab, run)

    assert drawn(trace) == [
        "invoke_agent agent unset 0",
        "  chat script error 0 rate_limited",
        "  sleep ok 300000",
        "  invoke_agent agent ok 0 goes on",
        "    chat script ok 0",
    ]
    assert (trace.duration_ms, trace.status) == (300_000, SpanStatus.OK)


async def test_the_call_that_sleeps_is_not_held_open_either(lab: Lab):
    agent = agent_with({"go": [calls(nap("timer", delay_seconds=86_400)), DONE]})
    desk = Desk(lab, [agent])
    await desk.submit()
    await lab.advance(40_000)
    state = await lab.tape.journal.state("root")
    assert state
    assert drawn(await trace_of(lab, state.run))[2:] == ["  execute_tool sleep_and_wait unset 0", "  sleep running …"]
    await lab.advance(46_400)
    await desk.result()

    assert drawn(await trace_of(lab, state.run)) == [
        "invoke_agent root unset 0",
        "  chat script ok 0",
        "  execute_tool sleep_and_wait unset 0",
        "  sleep ok 86400000",
        "  invoke_agent root ok 0 goes on",
        "    execute_tool sleep_and_wait ok 0 goes on",
        "    chat script ok 0",
    ]


async def test_no_span_lasts_over_a_restart_and_what_comes_after_is_linked(lab: Lab):
    lab.is_replayable = False  # the tool hangs at first, and then it does not
    is_slow = asyncio.Event()

    @tool(effect="read", timeout_seconds=None)
    async def looks() -> str:
        """Looks; for ever, when it is slow."""
        if not is_slow.is_set():
            is_slow.set()
            await asyncio.Event().wait()
        return "seen"

    agent = agent_in(lab, calls("looks", "note"), DONE, tools=[looks, RecordingTool("note")])
    run = await ask(lab, agent)
    await lab.advance(100)
    await lab.restart()
    await lab.result(run)

    trace = await trace_of(lab, run)

    assert drawn(trace) == [
        "invoke_agent agent unset 0",
        "  chat script ok 0",
        "  execute_tool note ok 0",
        "  invoke_agent agent ok 0 goes on",
        "    execute_tool looks ok 0",
        "    chat script ok 0",
    ]
    assert trace.spans[0].attributes["agiwo.cut"] == "restart"


async def test_a_call_whose_outcome_is_lost_in_a_restart_is_an_error(lab: Lab):
    lab.is_replayable = False  # what hangs is not run again
    run = await ask(lab, agent_in(lab, calls("hangs"), DONE, tools=[_hangs()]))
    await lab.settle()
    await lab.restart()
    await lab.result(run)

    assert drawn(await trace_of(lab, run)) == [
        "invoke_agent agent unset 0",
        "  chat script ok 0",
        "  execute_tool hangs unset 0",
        "  invoke_agent agent ok 0 goes on",
        "    execute_tool hangs error 0 outcome_unknown goes on",
        "    chat script ok 0",
    ]


async def test_a_question_outlasts_a_restart_in_two_parts(lab: Lab):
    run = await ask(lab, agent_in(lab, calls("rm"), DONE, tools=[Careful("rm")]))
    await lab.advance(30)
    await lab.restart()
    await lab.advance(60)
    await _answer(lab, run, "allow_once")
    await lab.result(run)

    lines = drawn(await trace_of(lab, run))

    assert "    approval rm unset 0" in lines
    assert "      approval rm ok 60000 goes on" in lines
    assert "    execute_tool rm ok 60000 goes on" in lines


async def test_a_run_that_crashed_has_the_trace_of_what_it_did(lab: Lab):
    lab.is_replayable = False  # it never ends
    run = await ask(lab, agent_in(lab, calls("hangs"), DONE, tools=[_hangs()]))
    await lab.settle()
    await lab.engine.close()

    trace = await trace_of(lab, run)

    assert drawn(trace) == ["invoke_agent agent running …", "  chat script ok 0", "  execute_tool hangs running …"]
    assert (trace.status, trace.end_time) == (SpanStatus.RUNNING, None)


async def test_every_beginning_of_a_run_is_a_trace(lab: Lab):
    agent = agent_in(lab, failing("rate_limited", 300), calls("rm", "breaks"), DONE, tools=[Careful("rm"), breaks])
    run = await ask(lab, agent)
    await lab.advance(300)
    await _answer(lab, run, "allow_once")
    await lab.result(run)
    records = await lab.records(run)

    for length in range(2, len(records)):
        fold = TraceFold(run)
        fold.take(records[:length])
        trace = fold.trace()
        assert trace
        check_trace(trace)


async def test_what_was_said_is_in_no_trace_unless_it_was_switched_on(lab: Lab):
    agent = agent_in(lab, calls("breaks"), {"text": "the answer is forty-two"}, tools=[breaks])
    run = await ask(lab, agent, "the question is life")
    await lab.result(run)

    silent, telling = await trace_of(lab, run), await trace_of(lab, run, capture=True)

    assert not [word for word in ("life", "forty-two", "swordfish") if word in orjson.dumps(silent).decode()]
    assert (telling.input_query, telling.final_output) == ("the question is life", "the answer is forty-two")
    broken = next(span for span in telling.spans if span.kind == SpanKind.TOOL_CALL)
    assert broken.error_message == "Error: RuntimeError: the password is swordfish"
    first, last = (span.llm_details for span in telling.spans if span.kind == SpanKind.LLM_CALL)
    assert first
    assert last
    assert first["messages"] == [{"role": "user", "parts": [{"type": "text", "content": "the question is life"}]}]
    assert [message["role"] for message in last["messages"]] == ["tool"]


async def test_a_trace_grows_with_its_steps_and_not_with_their_square(lab: Lab):
    lab.is_replayable = False  # each of its many beginnings would be run again
    sizes: list[int] = []
    for steps in (20, 40, 80):
        turns = [calls(("note", {"text": "x" * 100}))] * steps
        agent = agent_in(lab, *turns, DONE, id=f"agent{steps:03}", tools=[RecordingTool("note")], max_steps=100)
        run = await ask(lab, agent)
        await lab.result(run)
        sizes.append(len(orjson.dumps(await trace_of(lab, run, capture=True))))

    assert sizes[2] - sizes[1] < 2.05 * (sizes[1] - sizes[0])


async def test_a_trace_takes_work_for_its_steps_and_not_for_their_square(lab: Lab):
    lab.is_replayable = False
    work: list[int] = []
    for steps in (20, 40, 80):
        turns = [calls("note", "note")] * steps
        agent = agent_in(lab, *turns, DONE, id=f"agent{steps:03}", tools=[RecordingTool("note")], max_steps=100)
        run = await ask(lab, agent)
        await lab.result(run)
        work.append(_functions_called(await lab.records(run)))

    assert work[2] - work[1] < 2.05 * (work[1] - work[0])


def _functions_called(records: Sequence[Record]) -> int:
    """How many functions are called while these become a trace, record by record, as they do live."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += 1

    fold = TraceFold(records[0].run)
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for record in records:
            fold.take([record])
    finally:
        sys.setprofile(before)
    trace = fold.trace()
    assert trace
    assert len(trace.spans) > len(records) / 4
    return count


async def test_a_run_that_is_part_of_somebody_elses_trace_stands_in_it(lab: Lab):
    agent = agent_in(lab, DONE)
    above = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    spec = replace(agent.spec("go"), trace=above.header)
    run = await lab.engine.submit(spec)
    await lab.result(run)

    trace = await trace_of(lab, run)

    assert trace.trace_id == above.trace_id
    assert trace.spans[0].parent_span_id == above.span_id


async def test_tokens_and_cost_of_a_trace_are_those_of_its_model_calls(lab: Lab):
    turns: list[Any] = [
        {**calls("note"), "usage": {"inputTokens": 100, "outputTokens": 10, "cachedTokens": 50}},
        {**DONE, "usage": {"inputTokens": 200, "outputTokens": 20}},
    ]
    agent = agent_in(lab, *turns, tools=[RecordingTool("note")])
    agent.model.price = Price(input=1, output=10)
    run = await ask(lab, agent)
    await lab.result(run)

    trace = await trace_of(lab, run)

    assert (trace.total_input_tokens, trace.total_output_tokens, trace.total_cache_read_tokens) == (300, 30, 50)
    assert trace.cost_usd == pytest.approx(300e-6 + 300e-6)
    assert trace.cost_basis == "known"
