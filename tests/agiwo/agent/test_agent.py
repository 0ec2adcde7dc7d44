"""The agent as its users hold it: run it, stream it, start it and keep the handle."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from agent_lab import calls, requests_of
from agiwo.agent import (
    AbortSignal,
    Agent,
    AgentHooks,
    AgentOptions,
    EventType,
    RunError,
    RunHandle,
    RunStatus,
    TerminationReason,
)
from agiwo.errors import ConfigError, Conflict, CursorExpired
from agiwo.llm.base import Message, Model
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.stream import StreamEvent
from agiwo.testing import RecordingTool, ScriptedModel

pytestmark = pytest.mark.anyio

HELLO: dict[str, Any] = {"text": "hello world", "deltas": 5}
HANGING: dict[str, Any] = {"text": "so far", "hang": True}


async def drain(stream: AsyncGenerator[StreamEvent]) -> list[StreamEvent]:
    return [event async for event in stream]


async def until_it_speaks(handle: RunHandle) -> None:
    async for event in handle.stream():
        if event.type == EventType.STEP_DELTA:
            return


# run


async def test_run_gives_what_the_agent_answered(agents: Any) -> None:
    agent = agents.make({**HELLO, "usage": {"inputTokens": 1, "outputTokens": 2}})
    output = await agent.run("hi", session_id="s")
    assert (output.response, output.session_id, output.error) == ("hello world", "s", None)
    assert output.termination_reason == TerminationReason.COMPLETED
    assert output.usage.total_tokens == 3
    assert output.raise_for_error() is output


async def test_run_gives_the_error_of_a_model_that_failed(agents: Any) -> None:
    agent = agents.make({"error": {"kind": "auth", "message": "wrong key"}})
    output = await agent.run("hi")
    assert output.error
    assert (output.error["kind"], output.termination_reason) == ("auth", TerminationReason.ERROR)
    with pytest.raises(RunError, match="wrong key") as raised:
        output.raise_for_error()
    assert raised.value.kind == "auth"


async def test_cancelling_who_waits_for_run_cancels_the_run(agents: Any) -> None:
    gate = asyncio.Event()
    tool = RecordingTool(gate=gate)
    agent = agents.make(calls("record"), HELLO, tools=[tool])
    caller = asyncio.create_task(agent.run("one", session_id="s"))
    await tool.started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.set()
    assert (await agent.run("two", session_id="s")).response == "hello world"
    assert isinstance(agent.model, ScriptedModel)
    told = [message["content"] for message in agent.model.requests[-2].messages if message["role"] == "tool"]
    assert told == ["The run was interrupted before this call gave a result."]


async def test_a_run_whose_caller_is_cancelled_at_any_moment_is_cancelled_too(agents: Any) -> None:
    agent = agents.make(HANGING)
    for turns in range(20):
        caller = asyncio.create_task(agent.run("hi", session_id="s"))
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    await is_free(agent, "s")


async def test_a_cancel_scope_around_run_cancels_the_run(agents: Any) -> None:
    agent = agents.make(HANGING)
    with anyio.move_on_after(0.05) as scope:
        await agent.run("hi", session_id="s")
    assert scope.cancelled_caught
    await is_free(agent, "s")


async def is_free(agent: Agent, session: str) -> None:
    """Fail unless the session's next run begins, which it does when those before it are over."""
    async with asyncio.timeout(60):
        await until_it_speaks(await agent.start("hi", session_id=session))


async def test_an_abort_signal_ends_a_run_whose_model_says_nothing_more(agents: Any) -> None:
    signal = AbortSignal()
    handle = await agents.make(HANGING).start("hi", abort_signal=signal)
    await until_it_speaks(handle)
    signal.abort("enough")
    assert (await handle.wait(5)).termination_reason == TerminationReason.CANCELLED
    events = await drain(handle.stream())
    assert events[-1].data["reason"] == "enough"


async def test_an_abort_signal_ends_a_run_whose_tool_hangs(agents: Any) -> None:
    signal, tool = AbortSignal(), RecordingTool(gate=asyncio.Event())
    running = asyncio.create_task(agents.make(calls("record"), tools=[tool]).run("hi", abort_signal=signal))
    await tool.started.wait()
    signal.abort()
    assert (await asyncio.wait_for(running, 60)).termination_reason == TerminationReason.CANCELLED


async def test_a_signal_that_was_raised_before_ends_the_run_and_one_raised_after_it_ends_nothing(agents: Any) -> None:
    signal = AbortSignal()
    agent = agents.make(HELLO)
    assert (await agent.run("hi", abort_signal=signal)).response == "hello world"
    signal.abort()
    assert (await agent.run("hi", abort_signal=signal)).termination_reason == TerminationReason.CANCELLED


async def test_a_failed_run_is_kept_as_a_failed_run(agents: Any) -> None:
    agent = agents.make({"error": {"kind": "auth", "message": "wrong key"}})
    output = await agent.run("hi")
    assert (await agent.run_step_storage.get_run(output.run_id)).status == RunStatus.FAILED


async def test_nothing_is_printed_and_no_prompt_is_logged(
    agents: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await agents.make(HELLO, system_prompt="Keep the secret.").run("my secret question")
    assert capsys.readouterr().out == ""
    assert "secret" not in caplog.text


async def test_an_agent_makes_no_folders_wherever_its_id_points(
    agents: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    child = agents.make(HELLO, id="../child")
    await agents.make(calls(("___child", {"task": "hi"})), HELLO, id="../../parent", tools=[child.as_tool()]).run("hi")
    assert entries(tmp_path) == []
    assert child.model.requests


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


# run_stream


async def test_run_stream_gives_every_event_up_to_the_terminal_one(agents: Any) -> None:
    agent = agents.make({**HELLO, "reasoning": "Hm."})
    events = await drain(agent.run_stream("hi", session_id="s"))
    assert [event.seq for event in events if event.seq] == list(range(1, 7))
    assert events[-1].type == EventType.RUN_COMPLETED
    assert events[1].type == EventType.RUN_STARTED
    assert {(event.session_id, event.agent_id, event.depth) for event in events} == {("s", "agent", 0)}
    deltas = [event.delta for event in events if event.delta]
    assert "".join(delta.content or "" for delta in deltas) == "hello world"
    assert "".join(delta.reasoning_content or "" for delta in deltas) == "Hm."


async def test_a_call_is_streamed_while_its_arguments_come(agents: Any) -> None:
    agent = agents.make(calls(("record", {"a": 1})), HELLO, tools=[RecordingTool()])
    events = await drain(agent.run_stream("hi"))
    fragments = [event.delta.tool_calls for event in events if event.delta and event.delta.tool_calls]
    assert fragments[0][0]["function"]["arguments"] == '{"a":1}'


async def test_leaving_run_stream_early_only_stops_reading(agents: Any) -> None:
    gate = asyncio.Event()
    tool = RecordingTool(gate=gate)
    agent = agents.make(calls("record"), HELLO, tools=[tool])
    async for event in agent.run_stream("hi", session_id="s"):
        if event.type == EventType.RUN_STARTED:
            break
    gate.set()
    output = await agent.run("after it", session_id="s")
    assert output.error is None
    assert len(tool.calls) == 2


async def read_to_the_end(events: AsyncGenerator[StreamEvent]) -> None:
    await drain(events)


async def break_off(events: AsyncGenerator[StreamEvent]) -> None:
    await anext(events)


async def let_go(events: AsyncGenerator[StreamEvent]) -> None:
    await anext(events)
    await events.aclose()


async def raise_in_the_middle(events: AsyncGenerator[StreamEvent]) -> None:
    with suppress(ValueError):
        async for event in events:
            raise ValueError(event)


@pytest.mark.parametrize("read", [read_to_the_end, break_off, let_go, raise_in_the_middle])
async def test_all_that_was_said_is_kept_whatever_the_reader_does(agents: Any, read: Any) -> None:
    agent = agents.make(calls("record"), HELLO, tools=[RecordingTool()])
    await read(agent.run_stream("hi", session_id="s"))
    [run] = await agent.run_step_storage.list_runs(session_id="s")
    await (await agent.attach(run.id)).wait(5)
    steps = await agent.run_step_storage.get_steps("s")
    assert [(step.role, step.content) for step in steps] == [
        ("user", "hi"),
        ("assistant", ""),
        ("tool", "recorded"),
        ("assistant", "hello world"),
    ]
    assert [run.status for run in await agent.run_step_storage.list_runs(session_id="s")] == [RunStatus.COMPLETED]


class Torrent(Model):
    """Says a thousand pieces without letting anything else happen meanwhile."""

    async def arun_stream(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[StreamChunk]:
        for number in range(5000):
            yield StreamChunk(content=f"{number} ")
        yield StreamChunk(finish_reason="stop")


async def test_a_model_that_never_lets_others_run_is_heard_whole_by_all_and_ends() -> None:
    agent = Agent("agent", "Says a lot.", Torrent("torrent"), [])
    async with asyncio.timeout(60):
        handle = await agent.start("hi")
        readers = [asyncio.create_task(drain(handle.stream())) for _ in range(3)]
        whole = " ".join(map(str, range(5000)))
        for events in await asyncio.gather(*readers):
            assert (events[-1].type, events[-1].data["response"].strip()) == (EventType.RUN_COMPLETED, whole)
    await agent.close()


# start


async def test_any_number_of_readers_have_the_same_events(agents: Any) -> None:
    handle = await agents.make(HELLO).start("hi")
    several = await asyncio.gather(*(drain(handle.stream()) for _ in range(5)))
    await handle.wait(5)
    for events in several:
        assert [event.seq for event in events if event.seq] == list(range(1, 6))
        said = [event for event in events if event.type == EventType.STEP_COMPLETED][-1]
        assert said.data["text"] == "hello world"


async def test_a_reader_may_begin_after_any_event(agents: Any) -> None:
    handle = await agents.make(HELLO).start("hi")
    await handle.wait(5)
    whole = [event for event in await drain(handle.stream()) if event.seq]
    for after in range(len(whole)):
        assert await drain(handle.stream(after)) == whole[after:]
    with pytest.raises(CursorExpired):
        await drain(handle.stream(len(whole) + 1))


async def test_a_wait_may_end_before_the_run_does_and_leaves_it_alone(agents: Any) -> None:
    gate = asyncio.Event()
    handle = await agents.make(calls("record"), HELLO, tools=[RecordingTool(gate=gate)]).start("hi")
    with pytest.raises(TimeoutError):
        await handle.wait(0.01)
    waiting = asyncio.create_task(handle.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    gate.set()
    assert (await handle.wait(5)).response == "hello world"


async def test_a_run_is_steered_through_its_handle(agents: Any) -> None:
    gate = asyncio.Event()
    tool = RecordingTool(gate=gate)
    agent = agents.make(calls("record"), HELLO, tools=[tool])
    handle = await agent.start("hi")
    await tool.started.wait()
    await handle.steer("Hurry.")
    gate.set()
    await handle.wait(5)
    assert isinstance(agent.model, ScriptedModel)
    assert agent.model.requests[-1].messages[-1] == {"role": "user", "content": "Hurry."}
    with pytest.raises(Conflict):
        await handle.steer("Too late.")


async def test_a_run_is_cancelled_through_its_handle(agents: Any) -> None:
    handle = await agents.make(HANGING).start("hi")
    await until_it_speaks(handle)
    assert await handle.cancel("enough")
    output = await handle.wait(5)
    assert output.termination_reason == TerminationReason.CANCELLED
    events = await drain(handle.stream())
    assert events[-1].type == EventType.RUN_CANCELLED
    assert events[-1].data["reason"] == "enough"
    assert not await handle.cancel()


async def test_runs_of_one_session_go_one_after_the_other(agents: Any) -> None:
    agent = agents.make(HELLO)
    outputs = await asyncio.gather(*(agent.run(str(number), session_id="s") for number in range(5)))
    assert len({output.run_id for output in outputs}) == 5
    assert isinstance(agent.model, ScriptedModel)
    assert sorted(len(request.messages) for request in agent.model.requests) == [1, 3, 5, 7, 9]


async def test_the_system_prompt_comes_first(agents: Any) -> None:
    agent = agents.make(HELLO, system_prompt="Be brief.")
    await agent.run("hi")
    assert isinstance(agent.model, ScriptedModel)
    roles = [message["role"] for message in agent.model.requests[0].messages]
    assert roles == ["system", "user"]


async def test_closing_an_agent_ends_what_it_is_doing(agents: Any) -> None:
    agent = agents.make(HANGING)
    await until_it_speaks(await agent.start("hi"))
    async with asyncio.timeout(60):
        await agent.close()


async def test_who_waits_for_a_run_or_reads_it_hears_that_its_agent_was_closed(agents: Any) -> None:
    agent = agents.make(HANGING)
    handle = await agent.start("hi")
    await until_it_speaks(handle)
    waiting = [
        asyncio.create_task(handle.wait()),
        asyncio.create_task(drain(handle.stream())),
        asyncio.create_task(agent.run("hi")),
    ]
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await agent.close()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in ended] == [Conflict] * 3


async def test_no_answer_is_lost_when_many_runs_of_one_session_are_started_at_once(agents: Any) -> None:
    agent = agents.make(HELLO)
    await asyncio.gather(*(agent.run(str(number), session_id="s") for number in range(5)))
    steps = await agent.run_step_storage.get_steps("s")
    assert [step.sequence for step in steps] == list(range(1, 11))
    assert sorted(step.content for step in steps[::2]) == list("01234")


# Making one


def test_a_plain_function_is_a_tool() -> None:
    def double(number: int) -> int:
        """Double it."""
        return 2 * number

    agent = Agent("agent", "Doubles.", ScriptedModel(), [double])
    assert [tool.name for tool in agent.tools] == ["double"]
    assert agent.plan().tools["double"].description == "Double it."


@pytest.mark.parametrize(
    ("options", "named"),
    [({"max_steps": 0}, "max_steps"), ({"run_timeout": 0}, "run_timeout"), ({"max_output_tokens": 0}, "max_output")],
)
def test_options_that_cannot_work_are_refused_by_name(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        AgentOptions(**options)


def test_an_agent_needs_an_id() -> None:
    with pytest.raises(ConfigError, match="id"):
        Agent("", "Nobody.", ScriptedModel())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "gpt-4o-mini"}, "its model an object of Model, and not 'gpt-4o-mini'"),
        ({"options": {"max_steps": 3}}, "its options an object of AgentOptions, and not {'max_steps': 3}"),
        ({"hooks": print}, "its hooks an object of AgentHooks"),
        ({"tools": [RecordingTool]}, "the tool RecordingTool is a class; give an object of it: RecordingTool()"),
        ({"tools": ["calculator"]}, "a tool is an object of BaseTool or a function, and not 'calculator'"),
    ],
)
def test_what_an_agent_is_not_made_of_is_refused_in_words(given: dict[str, Any], said: str) -> None:
    parts: dict[str, Any] = {"model": ScriptedModel(), **given}

    with pytest.raises(ConfigError) as refused:
        Agent("agent", "Nothing.", **parts)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (None, "text or a list of content parts, and this one is None"),
        (b"hello", "text or a list of content parts, and this one is b'hello'"),
        ([], "text or a list of content parts, and this one is []"),
        ({"type": "text", "text": "hello"}, "text or a list of content parts, and this one is {"),
        (["hello"], "and this one holds 'hello'"),
        ([{"type": "picture"}], "type is 'picture'; it must be one of text, image"),
        ([{"type": "text"}], "needs text"),
        ("half of a character: \ud83d", "cannot be recorded"),
    ],
)
async def test_what_no_agent_can_be_asked_is_refused_in_words(agents: Any, asked: Any, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        await agents.make(HELLO).run(asked)

    assert said in str(refused.value)


async def test_a_part_as_json_may_name_its_type_as_python_does(agents: Any) -> None:
    agent = agents.make(HELLO)
    await agent.run([{"type": "audio", "data": "aGk=", "mime_type": "audio/wav"}])

    (said,) = requests_of(agent)[0]
    assert said["content"] == [{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}]


async def test_what_a_model_says_in_half_characters_is_recorded_with_the_sign_for_none() -> None:
    turns = [{"text": "half \ud800", "toolCalls": [{"name": "look\ud800", "arguments": "\ud800"}]}, {"text": "done"}]
    agent = Agent("agent", "", ScriptedModel(turns=turns), [])
    events = [event async for event in agent.run_stream("go")]
    await agent.close()

    said = [event.step.content for event in events if event.step and event.step.role == "assistant"]
    assert said == ["half \ufffd", "done"]
    assert events[-1].name == "run/completed"


@pytest.mark.parametrize("text", ["\ud800", "x"])
async def test_a_hook_whose_error_cannot_say_what_is_wrong_fails_the_run_and_nothing_else(text: str) -> None:
    class Speechless(Exception):
        def __str__(self) -> str:
            if text == "x":
                raise RuntimeError
            return text

    async def before(messages: Any) -> None:
        raise Speechless

    agent = Agent("agent", "", ScriptedModel(turns=[{"text": "x"}]), [], hooks=AgentHooks(on_before_llm_call=before))
    output = await agent.run("go")
    await agent.close()

    assert output.error
    assert output.error["message"].startswith("the hook on_before_llm_call raised Speechless: ")


async def test_a_handle_refuses_what_it_cannot_do_anything_with() -> None:
    agent = Agent("agent", "", ScriptedModel(turns=[{"text": "x"}]), [])
    handle = await agent.start("go")
    wrong: Any = 2.5
    with pytest.raises(ConfigError, match=r"what is said to the agent is 2\.5; it must be text"):
        await handle.steer(wrong)
    with pytest.raises(ConfigError, match=r"the reason is 2\.5; it must be text"):
        await handle.cancel(wrong)
    with pytest.raises(ConfigError, match=r"after is 2\.5; it must be a whole number or a mapping"):
        _ = [event async for event in handle.stream(wrong)]
    with pytest.raises(ConfigError, match=r"seq is 2\.5; it must be a whole number, or None"):
        await agent.fork(handle.session_id, at=handle.run_id, seq=wrong)
    await handle.wait(5)
    await agent.close()
