"""The hooks that look on: their order, what they are told, and that nothing they do holds up a run or changes it."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from agent_lab import calls
from agiwo.agent import (
    Agent,
    AgentHooks,
    AgentOptions,
    EventType,
    ExecutionContext,
    MemoryRecord,
    MessageRole,
    RunOutput,
    RunStepStorageConfig,
    StepRecord,
    StreamEvent,
    TerminationReason,
)
from agiwo.testing import RecordingTool
from agiwo.tool import ToolResult

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}
OBSERVING = ["on_after_run", "on_after_tool_call", "on_after_llm_call", "on_step", "on_event", "on_memory_write"]


class Diary:
    """Hooks that write down that they were called, and with what."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.seen: dict[str, list[Any]] = {}

    def note(self, name: str, *args: Any) -> None:
        self.names.append(name)
        self.seen.setdefault(name, []).append(args)

    async def before_run(self, asked: Any, context: ExecutionContext) -> None:
        self.note("before_run", asked, context)

    async def after_run(self, output: RunOutput, context: ExecutionContext) -> None:
        self.note("after_run", output, context)

    async def before_tool(self, id: str, name: str, arguments: dict[str, Any]) -> None:
        self.note("before_tool", id, name, arguments)

    async def after_tool(self, id: str, name: str, arguments: dict[str, Any], result: ToolResult) -> None:
        self.note("after_tool", id, name, arguments, result)

    async def before_llm(self, messages: list[dict[str, Any]]) -> None:
        self.note("before_llm", messages)

    async def after_llm(self, step: StepRecord) -> None:
        self.note("after_llm", step)

    async def step(self, step: StepRecord) -> None:
        self.note(f"step {step.role}", step)

    async def event(self, event: StreamEvent) -> None:
        self.seen.setdefault("event", []).append((event,))

    async def write(self, asked: Any, output: RunOutput, context: ExecutionContext) -> None:
        self.note("write", asked, output, context)

    async def retrieve(self, asked: Any, context: ExecutionContext) -> list[MemoryRecord]:
        self.note("retrieve", asked, context)
        return []

    def hooks(self) -> AgentHooks:
        return AgentHooks(
            self.before_run,
            self.after_run,
            self.before_tool,
            self.after_tool,
            self.before_llm,
            self.after_llm,
            self.step,
            self.event,
            self.write,
            self.retrieve,
        )


async def drain(stream: AsyncGenerator[StreamEvent]) -> list[StreamEvent]:
    return [event async for event in stream]


async def test_the_ten_hooks_are_called_in_this_order(agents: Any) -> None:
    diary = Diary()
    agent = agents.make(calls("record"), DONE, tools=[RecordingTool()], hooks=diary.hooks())
    await agent.run("go")
    deciding = [name for name in diary.names if name in ("before_run", "retrieve", "before_llm", "before_tool")]
    assert deciding == ["before_run", "retrieve", "before_llm", "before_tool", "before_llm"]
    assert [name for name in diary.names if name not in ("before_run", "retrieve", "before_llm", "before_tool")] == [
        "step user",
        "after_llm",
        "step assistant",
        "after_tool",
        "step tool",
        "after_llm",
        "step assistant",
        "after_run",
        "write",
    ]
    order = diary.names.index
    assert order("before_llm") < order("after_llm") < order("before_tool") < order("after_tool")


async def test_hooks_are_told_what_was_said_called_given_and_answered(agents: Any) -> None:
    diary = Diary()
    usage = {"inputTokens": 3, "outputTokens": 5, "cachedTokens": 1}
    turn = {"text": "Let me see.", "reasoning": "Hm.", **calls(("record", {"n": 1})), "usage": usage}
    agent = agents.make(turn, DONE, tools=[RecordingTool()], hooks=diary.hooks())
    output = await agent.run("go", session_id="s", user_id="me", metadata={"a": 1})
    asked = diary.seen["step user"][0][0]
    assert (asked.role, asked.content, asked.session_id) == (MessageRole.USER, "go", "s")
    said = diary.seen["after_llm"][0][0]
    assert (said.content, said.reasoning_content) == ("Let me see.", "Hm.")
    assert said.tool_calls[0]["function"] == {"name": "record", "arguments": '{"n":1}'}
    metrics = said.metrics
    assert (metrics.total_tokens, metrics.cache_read_tokens, metrics.model_name) == (8, 1, "script")
    assert metrics.start_at <= metrics.end_at
    assert metrics.first_token_latency_ms >= 0
    id, name, arguments, result = diary.seen["after_tool"][0]
    assert (id, name, arguments) == ("call_0_0", "record", {"n": 1})
    assert (result.content, result.is_success, result.error) == ("recorded", True, None)
    gave = diary.seen["step tool"][0][0]
    assert (gave.tool_call_id, gave.name, gave.content) == ("call_0_0", "record", "recorded")
    ended, context = diary.seen["after_run"][0]
    assert ended == output
    assert (context.run_id, context.user_id, context.metadata) == (output.run_id, "me", {"a": 1})
    assert diary.seen["write"] == [("go", output, context)]
    assert (output.metrics.steps_count, output.metrics.tool_calls_count, output.metrics.tool_errors_count) == (2, 1, 0)


async def test_steps_are_numbered_through_a_session(agents: Any) -> None:
    diary = Diary()
    agent = agents.make(calls("record"), DONE, DONE, tools=[RecordingTool()], hooks=AgentHooks(on_step=diary.step))
    await agent.run("one", session_id="s")
    await agent.run("two", session_id="s")
    numbers = [args[0].sequence for name in diary.seen for args in diary.seen[name]]
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_on_event_has_every_event_of_the_run_in_order(agents: Any) -> None:
    diary = Diary()
    agent = agents.make({"text": "Good morning", "deltas": 4}, hooks=AgentHooks(on_event=diary.event))
    events = await drain(agent.run_stream("go"))
    assert [each.seq for (each,) in diary.seen["event"] if each.seq] == [each.seq for each in events if each.seq]
    assert "".join(each.delta.content for (each,) in diary.seen["event"] if each.delta) == "Good morning"


async def test_nothing_is_written_to_memory_when_there_is_no_response(agents: Any) -> None:
    diary = Diary()
    agent = agents.make({"error": {"kind": "auth", "message": "wrong key"}}, hooks=diary.hooks())
    await agent.run("go")
    assert diary.names[-1] == "after_run"
    assert diary.seen["after_run"][0][0].error["kind"] == "auth"


async def test_on_after_run_is_called_for_a_run_that_was_cancelled(agents: Any) -> None:
    diary = Diary()
    agent = agents.make({"text": "so far", "hang": True}, hooks=diary.hooks())
    handle = await agent.start("go")
    async for event in handle.stream():
        if event.type == EventType.STEP_DELTA:
            break
    await handle.cancel()
    await handle.wait(5)
    assert diary.seen["after_run"][0][0].termination_reason == TerminationReason.CANCELLED
    assert diary.seen["step assistant"][0][0].content == "so far"


async def test_memory_is_written_of_what_took_the_place_of_the_input(agents: Any) -> None:
    diary = Diary()

    async def shout(asked: Any, context: ExecutionContext) -> str:
        return asked.upper()

    agent = agents.make(DONE, hooks=AgentHooks(on_before_run=shout, on_memory_write=diary.write))
    await agent.run("go")
    assert diary.seen["write"][0][0] == "GO"


async def test_arguments_that_could_not_be_read_are_told_as_none(agents: Any) -> None:
    diary = Diary()
    agent = agents.make(calls(("record", "{")), DONE, tools=[RecordingTool()], hooks=diary.hooks())
    await agent.run("go")
    ((_, _, arguments, result),) = diary.seen["after_tool"]
    assert (arguments, result.input_args, result.is_success) == ({}, {}, False)


async def test_a_hook_sees_a_run_that_goes_on_in_the_next_process_from_there_on(agents: Any, tmp_path: Path) -> None:
    options = AgentOptions(run_step_storage=RunStepStorageConfig("sqlite", {"db_path": tmp_path / "data.db"}))
    hanging = {"text": "so far", "hang": True}
    first, second = Diary(), Diary()
    tools = [RecordingTool(effect="read")]
    agent = agents.make(calls("record"), hanging, tools=tools, hooks=first.hooks(), options=options)
    handle = await agent.start("go", session_id="s")
    async for event in handle.stream():
        if event.delta and event.delta.content:
            break
    await agent.close()
    again = agents.make(calls("record"), DONE, tools=tools, hooks=second.hooks(), options=options)
    await (await again.attach(handle.run_id)).wait(5)
    assert [args[0].sequence for name in first.seen if name.startswith("step") for args in first.seen[name]] == [
        1,
        2,
        3,
    ]
    assert second.names == ["before_llm", "after_llm", "step assistant", "after_run", "write"]
    assert second.seen["step assistant"][0][0].sequence == 4
    seen = [event.seq for (event,) in (*first.seen["event"], *second.seen["event"]) if event.seq]
    assert seen == list(range(1, 1 + len(seen)))


# What goes wrong


@pytest.mark.parametrize("hook", OBSERVING)
async def test_a_hook_that_raises_changes_nothing_and_is_told_as_an_event(agents: Any, hook: str) -> None:
    async def fail(*_: Any) -> Any:
        raise ValueError("no thanks")

    agent = agents.make(calls("record"), DONE, tools=[RecordingTool()], hooks=AgentHooks(**{hook: fail}))
    handle = await agent.start("go")
    events = await drain(handle.stream())
    output = await handle.wait(5)
    assert (output.response, output.error) == ("Done.", None)
    assert [event.seq for event in events if event.seq] == list(range(1, (events[-1].seq or 0) + 1))
    assert events[-1].type == EventType.RUN_COMPLETED
    told = [event.data for event in events if event.type == EventType.ERROR]
    assert told
    assert {(each["hook"], each["message"]) for each in told} == {
        (hook, f"the hook {hook} raised ValueError: no thanks")
    }


async def test_hooks_that_hang_hold_up_no_run(agents: Any) -> None:
    asked = Counter[str]()

    def hanging(name: str) -> Any:
        async def hang(*_: Any) -> None:
            asked[name] += 1
            await asyncio.Event().wait()

        return hang

    hooks = AgentHooks(**{name: hanging(name) for name in OBSERVING})
    agent = agents.make(calls("record"), DONE, tools=[RecordingTool()], hooks=hooks)
    async with asyncio.timeout(60):
        output = await agent.run("go")
    assert output.response == "Done."
    assert asked == {"on_step": 1, "on_event": 1}


async def test_a_hook_that_hangs_is_given_up_in_its_time_and_not_asked_again(agents: Any) -> None:
    asked = Counter[str]()

    async def hang(step: StepRecord) -> None:
        asked[step.role] += 1
        await asyncio.Event().wait()

    diary = Diary()
    hooks = AgentHooks(on_step=hang, on_after_run=diary.after_run)
    agent = agents.make(DONE, hooks=hooks, options=AgentOptions(stream_cleanup_timeout=0.02))
    handle = await agent.start("go")
    events = await drain(handle.stream())
    assert asked == {"user": 1}
    assert diary.names == ["after_run"]
    told = [event.data["message"] for event in events if event.type == EventType.ERROR]
    assert told == ["the hook on_step did not return within 0.02 seconds"]


async def test_who_waits_for_a_run_also_waits_a_little_for_its_hooks(agents: Any) -> None:
    entered, gate, written = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def write(*_: Any) -> None:
        entered.set()
        await gate.wait()
        written.set()

    agent = agents.make(DONE, hooks=AgentHooks(on_memory_write=write))
    waiting = asyncio.create_task(agent.run("go"))
    await entered.wait()
    assert not waiting.done()
    gate.set()
    assert (await waiting).response == "Done."
    assert written.is_set()


async def test_a_hook_that_cancels_itself_ends_nothing_but_itself(agents: Any) -> None:
    async def quit_(*_: Any) -> None:
        raise asyncio.CancelledError

    diary = Diary()
    agent: Agent = agents.make(DONE, hooks=AgentHooks(on_step=quit_, on_after_run=diary.after_run))
    assert (await agent.run("go")).response == "Done."
    assert diary.names == ["after_run"]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
@pytest.mark.parametrize("hook", [each.name for each in fields(AgentHooks)])
async def test_a_hook_that_would_end_the_process_does_what_one_that_raises_does(
    agents: Any, hook: str, error: BaseException
) -> None:
    async def fault(*args: Any) -> Any:
        raise error

    agent = agents.make(calls("record"), DONE, tools=[RecordingTool()], hooks=AgentHooks(**{hook: fault}))
    output = await agent.run("go")
    assert (output.error is not None) is (hook in ("on_before_run", "on_before_llm_call"))
