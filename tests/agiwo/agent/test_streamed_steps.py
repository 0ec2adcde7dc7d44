"""The steps of a run as its stream tells them: the same that are stored, each once, for readers early and late."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from agent_lab import calls
from agiwo.agent import AgentOptions, EventType, MessageRole, RunOutput, StepRecord, StreamEvent
from agiwo.testing import RecordingTool
from agiwo.tool import tool

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}
PONDERED: dict[str, Any] = {"reasoning": "What is there?", "text": "I look."} | calls("record")
GUESSED: dict[str, Any] = {"reasoning": "Again."} | calls("record", "record")


def steps_of(events: Sequence[StreamEvent]) -> list[StepRecord]:
    """The steps that the events tell."""
    return [event.step for event in events if event.type == EventType.STEP_COMPLETED and event.step]


async def drain(stream: Any) -> list[StreamEvent]:
    return [event async for event in stream]


async def test_each_answer_is_one_step_with_what_it_thought_called_and_took(agents: Any) -> None:
    agent = agents.make(PONDERED, calls("record"), GUESSED, DONE, tools=[RecordingTool()])
    handle = await agent.start("go")
    streamed = steps_of(await drain(handle.stream()))
    stored = await agent.run_step_storage.get_steps(handle.session_id)

    assert streamed == stored
    assert [str(step.role) for step in streamed] == [
        "user",
        *("assistant", "tool"),
        *("assistant", "tool"),
        *("assistant", "tool", "tool"),
        "assistant",
    ]
    pondered = streamed[1]
    assert (pondered.content, pondered.reasoning_content) == ("I look.", "What is there?")
    assert [call["function"]["name"] for call in pondered.tool_calls or ()] == ["record"]
    assert None not in (pondered.metrics.duration_ms, pondered.metrics.first_token_latency_ms)


async def test_steps_are_numbered_through_a_session_and_by_each_reader_alike(agents: Any) -> None:
    agent = agents.make(PONDERED, calls("record"), DONE, tools=[RecordingTool()])
    first = await drain(agent.run_stream("go", session_id="s"))
    handle = await agent.start("go on", session_id="s")
    live = steps_of(await drain(handle.stream()))
    afterwards = steps_of(await drain((await agent.attach(handle.run_id)).stream()))
    fork = await agent.fork("s", at=first[0].run_id)
    beside = steps_of(await drain(agent.run_stream("or", session_id=fork)))

    assert [step.sequence for step in steps_of(first)] == [1, 2, 3, 4, 5, 6]
    assert [step.sequence for step in live] == [7, 8, 9, 10, 11, 12]
    assert afterwards == live
    assert [step.sequence for step in beside] == [7, 8, 9, 10, 11, 12]


async def test_a_step_that_only_calls_is_told_before_its_tools_have_ended(agents: Any) -> None:
    gate = asyncio.Event()
    agent = agents.make(calls("record"), DONE, tools=[RecordingTool(gate=gate)])
    roles: list[MessageRole] = []
    async for event in agent.run_stream("go"):
        if event.step:
            roles.append(event.step.role)
            if roles == [MessageRole.USER, MessageRole.ASSISTANT]:
                gate.set()
    assert roles == [MessageRole.USER, MessageRole.ASSISTANT, MessageRole.TOOL, MessageRole.ASSISTANT]


async def test_a_reader_from_any_event_on_has_the_steps_that_come_after_it(agents: Any) -> None:
    handle = await agents.make(calls("record"), PONDERED, GUESSED, DONE, tools=[RecordingTool()]).start("go")
    await handle.wait(5)
    whole = [(event.seq, event.step) for event in await drain(handle.stream()) if event.seq or event.step]
    for place, (seq, _) in enumerate(whole):
        if seq:
            told = [(event.seq, event.step) for event in await drain(handle.stream(seq))]
            assert told == whole[place + 1 :], f"after {seq}"


async def test_a_reader_that_does_not_read_has_every_step_afterwards(agents: Any) -> None:
    turns = [calls("record") for _ in range(150)]
    options = AgentOptions(max_steps=200, max_output_tokens=1_000_000)
    agent = agents.make(*turns, DONE, tools=[RecordingTool()], options=options)
    handle = await agent.start("go")
    reading = handle.stream()
    first = await anext(reading)
    await handle.wait(20)
    told = steps_of([first, *[event async for event in reading]])
    assert [str(step.role) for step in told] == ["user", *("assistant", "tool") * 150, "assistant"]
    assert len({step.id for step in told}) == len(told)


async def test_what_a_model_had_said_when_it_was_cut_off_is_a_step(agents: Any) -> None:
    agent = agents.make({"reasoning": "Hm.", "text": "so far", "hang": True})
    handle = await agent.start("go")
    told: list[StreamEvent] = []
    async for event in handle.stream():
        told.append(event)
        if event.delta and event.delta.content == "so far":
            await handle.cancel()
    assert [(str(step.role), step.content) for step in steps_of(told)] == [("user", "go"), ("assistant", "so far")]


async def test_the_first_and_the_last_event_say_what_was_asked_and_what_it_took(agents: Any) -> None:
    @tool
    def look() -> str:
        """Look."""
        return "seen"

    counted = DONE | {"usage": {"inputTokens": 7, "outputTokens": 2}}
    told = await drain(agents.make(calls("look"), counted, tools=[look]).run_stream("go", session_id="s"))
    started = next(event for event in told if event.type == EventType.RUN_STARTED)
    assert (started.data["query"], started.data["session_id"]) == ("go", "s")
    ended = told[-1].data
    assert (ended["response"], ended["termination_reason"]) == ("Done.", "completed")
    assert ended["metrics"]["tool_calls_count"] == 1
    assert [ended["metrics"][name] for name in ("input_tokens", "output_tokens", "total_tokens")] == [7, 2, 9]


async def test_a_run_knows_how_long_its_last_answer_took(agents: Any) -> None:
    output: RunOutput = await agents.make(calls("record"), DONE, tools=[RecordingTool()]).run("go")
    assert output.metrics.response_latency == output.metrics.duration_ms >= 0
