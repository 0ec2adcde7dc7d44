"""Recorded from a provider on a real socket, replayed with nobody there."""

import asyncio
import json
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from agiwo.agent import Agent, EventType, RunOutput, TerminationReason
from agiwo.errors import ConfigError, ModelError
from agiwo.llm.base import Model
from agiwo.llm.openai import OpenAIModel
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import Usage
from agiwo.schema.tool import ExecutionContext
from agiwo.testing import Recorder, RecordingTool, Replay, ReplayMiss, ScriptedModel
from agiwo.tool import ToolResult
from fake_provider import DONE, FINISH, START, Answer, FakeProvider, Received, delta, refuses, says, usage

pytestmark = pytest.mark.anyio

KEY = "sk-real-0123456789abcdef"
HI = [{"role": "user", "content": "hi"}]


def model_of(provider: FakeProvider) -> OpenAIModel:
    return OpenAIModel("gpt-4o-mini", base_url=provider.base_url, api_key=KEY)


def gone(**options: Any) -> OpenAIModel:
    """The same model, of a provider that is not there any more."""
    return OpenAIModel("gpt-4o-mini", base_url="http://127.0.0.1:9/v1", retries=0, **options)


async def pieces(model: Model, messages: Sequence[Any] = HI, tools: Any = None) -> list[StreamChunk]:
    return [chunk async for chunk in model.arun_stream(messages, tools)]


def context() -> ExecutionContext:
    return ExecutionContext(session_id="s", run_id="r")


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def edit(path: Path, old: str, new: str) -> None:
    """Change what is recorded, as time or a person might."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def recorded_in(path: Path, kind: str) -> list[dict[str, Any]]:
    return json.loads(path.read_text())[kind]


def script(*turns: dict[str, Any]) -> ScriptedModel:
    return ScriptedModel(turns=turns)


def calls_record(**arguments: Any) -> dict[str, Any]:
    """A turn that calls the recording tool."""
    return {"toolCalls": [{"name": "record", "arguments": arguments}]}


async def run(agent: Agent, *questions: str) -> list[RunOutput]:
    try:
        return [await agent.run(question, session_id="s") for question in questions]
    finally:
        await agent.close()


def forecast(city: str) -> str:
    """Say what the weather will be."""
    return f"Rain in {city}."


def unplugged(city: str) -> str:
    """Say what the weather will be."""
    raise AssertionError("a replayed tool was run")


unplugged.__name__ = "forecast"


def ask_for_forecast(request: Received) -> Answer:
    """Call the tool for two cities at once, then say what it said."""
    results = [each["content"] for each in request.body["messages"] if each["role"] == "tool"]
    if results:
        return says("I looked: ", *results)
    calls = [
        {"index": n, "id": f"call_{n}", "function": {"name": "forecast", "arguments": json.dumps({"city": city})}}
        for n, city in enumerate(("Paris", "Oslo"))
    ]
    return Answer([START, delta(tool_calls=calls), delta("tool_calls"), usage(7, 3), DONE])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recordings" / "run.json"


async def test_an_agent_says_the_same_again_with_no_provider_and_no_tool(path: Path) -> None:
    async with FakeProvider(choose=ask_for_forecast) as provider:
        with Recorder(path) as recorder:
            model, tools = recorder.model(model_of(provider)), recorder.tools([forecast])
            recorded = await run(Agent("clerk", "Knows.", model, tools), "Will it rain?", "Really?")

    with Replay(path) as replay:
        replayed = await run(
            Agent("clerk", "Knows.", replay.model(), replay.tools([unplugged])), "Will it rain?", "Really?"
        )

    assert [each.response for each in replayed] == [each.response for each in recorded]
    assert replayed[0].response == "I looked: Rain in Paris.Rain in Oslo."
    assert [each.usage for each in replayed] == [each.usage for each in recorded]


async def test_the_pieces_of_an_answer_are_streamed_as_they_were_recorded(path: Path) -> None:
    call = {"index": 0, "id": "call_9", "function": {"name": "f", "arguments": '{"a":'}}
    rest = {"index": 0, "function": {"arguments": " 1}"}}
    answer = [delta(reasoning_content="hm"), delta(content="Pa"), delta(content="ris"), delta(tool_calls=[call])]
    async with FakeProvider(Answer([START, *answer, delta(tool_calls=[rest]), FINISH, usage(7, 3), DONE])) as provider:
        with Recorder(path) as recorder:
            recorded = await pieces(recorder.model(model_of(provider)))

    assert await pieces(Replay(path).model()) == recorded
    assert [chunk.content for chunk in recorded if chunk.content] == ["Pa", "ris"]
    assert recorded[-1].usage == Usage(7, 3)


async def test_a_changed_prompt_is_a_miss_that_names_the_changed_line(path: Path) -> None:
    async with FakeProvider(says("Paris")) as provider:
        with Recorder(path) as recorder:
            prompt = "You are a clerk.\nYou are polite.\nYou are brief."
            await run(Agent("clerk", "Knows.", recorder.model(model_of(provider)), system_prompt=prompt), "Where?")

    replay = Replay(path)
    prompt = "You are a clerk.\nYou are rude.\nYou are brief."
    [output] = await run(Agent("clerk", "Knows.", replay.model(gone()), system_prompt=prompt), "Where?")

    assert output.error
    assert output.error["kind"] == "ReplayMiss"
    lines = output.error["message"].splitlines()
    assert [line for line in lines if line.startswith(("- ", "+ "))] == [
        "-      You are polite.",
        "+      You are rude.",
    ]


async def test_a_miss_is_raised_at_the_end_of_the_block_however_little_the_test_looks_at(path: Path) -> None:
    with Recorder(path) as recorder:
        await pieces(recorder.model(ScriptedModel(turns=[{"text": "hello"}])))

    with pytest.raises(ReplayMiss, match="hi there"), Replay(path) as replay:
        await run(Agent("clerk", "Knows.", replay.model()), "hi there")


async def test_a_test_that_fails_because_of_a_miss_says_so(path: Path) -> None:
    with Recorder(path) as recorder:
        await pieces(recorder.model(script({"text": "hello"})))

    async def block() -> None:
        with Replay(path) as replay:
            [output] = await run(Agent("clerk", "Knows.", replay.model()), "hi there")
            assert output.response == "hello"

    with pytest.raises(AssertionError) as failed:
        await block()
    assert "hi there" in failed.value.__notes__[0]


async def test_models_that_stand_in_for_another_are_recorded_with_it_and_never_asked_by_a_replay(path: Path) -> None:
    broken, whole = FakeProvider(refuses(404, {"error": {"message": "no such model"}})), FakeProvider(says("instead"))
    async with broken, whole:
        model = OpenAIModel("one", base_url=broken.base_url, fallback=[OpenAIModel("two", base_url=whole.base_url)])
        with Recorder(path) as recorder:
            [recorded] = await run(Agent("clerk", "Knows.", recorder.model(model)), "Where?")

    nobody = "http://127.0.0.1:9/v1"
    model = OpenAIModel("one", base_url=nobody, fallback=[OpenAIModel("two", base_url=nobody)])
    with Replay(path) as replay:
        [replayed] = await run(Agent("clerk", "Knows.", replay.model(model)), "Where?")
    assert replayed.response == recorded.response == "instead"


async def test_odd_text_comes_back_as_it_was(path: Path) -> None:
    odd = "a\ud800\u2028\x00é😀"
    with Recorder(path) as recorder:
        await pieces(recorder.model(script({"text": odd})), [{"role": "user", "content": odd}])

    assert (await pieces(Replay(path).model(), [{"role": "user", "content": odd}]))[0].content == odd


async def test_another_temperature_is_another_request(path: Path) -> None:
    async with FakeProvider(says("Paris")) as provider:
        with Recorder(path) as recorder:
            await pieces(recorder.model(model_of(provider)))

    with pytest.raises(ReplayMiss, match=r"(?s)-  temperature: 0\.7.*\+  temperature: 0\.1"):
        await pieces(Replay(path).model(gone(temperature=0.1)))


async def test_the_same_request_gets_its_answers_in_order_and_then_none(path: Path) -> None:
    turns = [{"text": "one"}, {"text": "two"}]
    async with FakeProvider(*(says(turn["text"]) for turn in turns)) as provider:
        with Recorder(path) as recorder:
            model = recorder.model(model_of(provider))
            assert [(await pieces(model))[0].content for _ in turns] == ["one", "two"]

    replay = Replay(path)
    model = replay.model()
    assert [(await pieces(model))[0].content for _ in turns] == ["one", "two"]
    with pytest.raises(ReplayMiss, match="recorded 2 times, and comes once more:"):
        await pieces(model)


async def test_a_replay_that_repeats_begins_anew(path: Path) -> None:
    async with FakeProvider(says("one"), says("two")) as provider:
        with Recorder(path) as recorder:
            model = recorder.model(model_of(provider))
            await pieces(model)
            await pieces(model)

    model = Replay(path, repeat=True).model()
    assert [(await pieces(model))[0].content for _ in range(4)] == ["one", "two", "one", "two"]


async def test_ids_that_differ_from_run_to_run_make_no_other_request(path: Path) -> None:
    def conversation(id: str, run: str) -> list[dict[str, Any]]:
        call = {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        return [
            {"role": "assistant", "content": f"started {run}", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": id, "content": f"{run} is done"},
        ]

    with Recorder(path) as recorder:
        model = ScriptedModel(turns=[{"text": "good"}], repeat=True)
        await pieces(recorder.model(model), conversation("call_a", "run_78rh0p2dcxhyra7ecn3v0ykxx3"))

    replayed = await pieces(Replay(path).model(), conversation("toolu_b", "run_01rh0p2dcxhyra7ecn3v0ykxx4"))
    assert replayed[0].content == "good"


# What must not be in the file


async def test_no_secret_is_in_the_file(path: Path) -> None:
    token = "Bearer abcdef0123456789abcdef"
    known = "correct horse battery"
    split = [delta(content=f"it is {known[:9]}"), delta(content=f"{known[9:]}, and"), delta(content=f" {KEY}")]
    async with FakeProvider(Answer([START, *split, FINISH, usage(7, 3), DONE])) as provider:
        with Recorder(path, secrets={"PASSPHRASE": known}) as recorder:
            model = recorder.model(model_of(provider))
            tools = recorder.tools([RecordingTool(results=[f"authorization: {token}"])])
            await tools[0].execute({"password": known}, context())
            await run(Agent("clerk", "Knows.", model, tools, f"The key is {KEY}."), f"I am {known}, {token}")

    written = bytes_of(path)
    for secret in (KEY, known, known[9:], token.removeprefix("Bearer ")):
        assert secret.encode() not in written
    for name in (b"[redacted:api_key]", b"[redacted:PASSPHRASE]", b"Bearer [redacted:bearer]"):
        assert name in written


def test_nobody_else_may_read_a_recording_and_nothing_lies_beside_it(path: Path) -> None:
    Recorder(path).save()
    path.chmod(0o644)
    Recorder(path).save()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_recording_without_secrets_answers_those_who_have_them(path: Path) -> None:
    async with FakeProvider(says("yes")) as provider:
        with Recorder(path, secrets={"HOME": "/home/me/somewhere"}) as recorder:
            await pieces(recorder.model(model_of(provider)), [{"role": "user", "content": f"{KEY} /home/me/somewhere"}])

    model = Replay(path, secrets={"HOME": "/home/me/elsewhere"}).model(gone(api_key="another-key"))
    assert await pieces(model, [{"role": "user", "content": "another-key /home/me/elsewhere"}])


# Many at once


async def test_parallel_runs_in_another_order_make_the_same_file(tmp_path: Path) -> None:
    async def record(file: Path, questions: Sequence[str]) -> bytes:
        async with FakeProvider(
            choose=lambda request: says(request.body["messages"][-1]["content"].upper())
        ) as provider:
            with Recorder(file) as recorder:
                agent = Agent("clerk", "Knows.", recorder.model(model_of(provider)))
                await asyncio.gather(*(agent.run(question) for question in questions))
                await agent.close()
        return bytes_of(file)

    questions = [f"question {number}" for number in range(20)]
    assert await record(tmp_path / "a", questions) == await record(tmp_path / "b", questions[::-1])

    agent = Agent("clerk", "Knows.", Replay(tmp_path / "a").model())
    outputs = await asyncio.gather(*(agent.run(question) for question in questions))
    assert [output.response for output in outputs] == [question.upper() for question in questions]
    await agent.close()


async def test_parallel_calls_of_a_tool_get_each_its_own_result(path: Path) -> None:
    with Recorder(path) as recorder:
        [tool] = recorder.tools([forecast])
        cities = [f"city{number % 5}" for number in range(20)]
        recorded = await asyncio.gather(*(tool.execute({"city": city}, context()) for city in cities))

    [tool] = Replay(path).tools([unplugged])
    replayed = await asyncio.gather(*(tool.execute({"city": city}, context()) for city in reversed(cities)))
    assert [each.content for each in replayed] == [each.content for each in reversed(recorded)]


# Failures


async def test_a_model_that_failed_fails_the_same_way(path: Path) -> None:
    async with FakeProvider(refuses(404, {"error": {"message": "no such model"}})) as provider:
        with Recorder(path) as recorder, pytest.raises(ModelError) as recorded:
            await pieces(recorder.model(model_of(provider)))

    with pytest.raises(ModelError) as replayed:
        await pieces(Replay(path).model())
    assert (str(replayed.value), vars(replayed.value)) == (str(recorded.value), vars(recorded.value))


async def test_a_request_that_was_retried_is_retried_without_the_wait(path: Path) -> None:
    busy = refuses(429, {"error": {"message": "slow down"}}, retry_after="0.01")
    async with FakeProvider(busy, says("now")) as provider:
        with Recorder(path) as recorder:
            [recorded] = await run(Agent("clerk", "Knows.", recorder.model(model_of(provider))), "Where?")
    edit(path, '"retry_after": 0.01', '"retry_after": 60')

    [replayed] = await run(Agent("clerk", "Knows.", Replay(path).model()), "Where?")
    assert replayed.response == recorded.response == "now"


async def test_a_tool_that_raised_is_told_to_the_model_in_the_same_words(path: Path) -> None:
    with Recorder(path) as recorder:
        tools = recorder.tools([RecordingTool(results=[KeyError("gone")])])
        await run(Agent("clerk", "Knows.", recorder.model(script(calls_record(), {"text": "a pity"})), tools), "Go.")

    with Replay(path) as replay:
        [output] = await run(Agent("clerk", "Knows.", replay.model(), replay.tools([RecordingTool()])), "Go.")
    assert output.response == "a pity"


async def test_a_call_that_is_not_recorded_ends_the_run_whatever_its_model_would_say(path: Path) -> None:
    with Recorder(path) as recorder:
        tools = recorder.tools([RecordingTool()])
        await run(Agent("clerk", "Knows.", recorder.model(script(calls_record(n=1), {"text": "fine"})), tools), "Go.")
    edit(path, '"n": 1', '"n": 2')

    replay = Replay(path)
    [output] = await run(Agent("clerk", "Knows.", replay.model(), replay.tools([RecordingTool()])), "Go.")
    assert output.error
    assert output.error["kind"] == "ReplayMiss"
    assert re.search(r"(?s)call of a tool.*-  n: 2.*\+  n: 1", output.error["message"])


# Runs that were cut off


async def test_a_cancelled_run_is_recorded_up_to_there_and_can_be_cancelled_there_again(path: Path) -> None:
    async def until_it_speaks_twice(agent: Agent) -> tuple[list[str], RunOutput]:
        handle = await agent.start("Go on.")
        said: list[str] = []
        async for event in handle.stream():
            if event.type == EventType.STEP_DELTA and event.delta and event.delta.content:
                said.append(event.delta.content)
                if len(said) == 2:
                    await handle.cancel("enough")
        output = await handle.wait()
        await agent.close()
        return said, output

    async with FakeProvider(Answer([START, delta(content="so "), delta(content="far")], end="stalls")) as provider:
        with Recorder(path) as recorder:
            recorded, _ = await until_it_speaks_twice(Agent("clerk", "Knows.", recorder.model(model_of(provider))))
            await provider.was_left.wait()

    [exchange] = recorded_in(path, "models")
    assert (exchange["answer"], exchange["cut"]) == (["so ", "far"], True)
    with Replay(path) as replay:
        replayed, output = await until_it_speaks_twice(Agent("clerk", "Knows.", replay.model()))
    assert replayed == recorded == ["so ", "far"]
    assert output.termination_reason == TerminationReason.CANCELLED


async def test_a_call_that_was_cancelled_waits_for_its_cancel_again(path: Path) -> None:
    slow = RecordingTool(gate=asyncio.Event())
    with Recorder(path) as recorder:
        [tool] = recorder.tools([slow])
        task = asyncio.create_task(tool.execute({}, context()))
        await slow.started.wait()
        task.cancel()
        await asyncio.wait({task})

    assert [each["cut"] for each in recorded_in(path, "tools")] == [True]
    [tool] = Replay(path, patience=0.01).tools([RecordingTool()])
    with pytest.raises(ReplayMiss, match="cut off"):
        await tool.execute({}, context())


async def test_agents_below_others_are_recorded_and_replayed_with_them(path: Path) -> None:
    def family(tape: Recorder | Replay) -> Agent:
        asks = {"toolCalls": [{"name": "helper", "arguments": {"task": "help"}}]}
        helper_model = ScriptedModel("helper", turns=[calls_record(n=1), {"text": "helped"}])
        helper = Agent("helper", "Helps.", tape.model(helper_model), tape.tools([RecordingTool()]))
        model = ScriptedModel("boss", turns=[asks, {"text": "done"}])
        return Agent("boss", "Has others do it.", tape.model(model), [helper.as_tool()])

    with Recorder(path) as recorder:
        [recorded] = await run(family(recorder), "Go.")
    with Replay(path) as replay:
        [replayed] = await run(family(replay), "Go.")

    assert replayed.response == recorded.response == "done"
    assert (len(recorded_in(path, "models")), len(recorded_in(path, "tools"))) == (4, 1)


async def test_an_answer_that_was_cut_is_a_miss_when_nobody_cancels_it(path: Path) -> None:
    with Recorder(path) as recorder:
        stream = recorder.model(ScriptedModel(turns=[{"text": "so far", "deltas": 2}])).arun_stream(HI)
        assert (await anext(stream)).content == "so "
        await stream.aclose()

    with pytest.raises(ReplayMiss, match="cut off"):
        await pieces(Replay(path, patience=0.01).model())


async def test_all_that_a_tool_gave_comes_back(path: Path) -> None:
    given = ToolResult(
        content="x", output={"a": [1]}, content_for_user="for you", termination_reason=TerminationReason.COMPLETED
    )
    with Recorder(path) as recorder:
        [tool] = recorder.tools([RecordingTool(results=[given, ToolResult.failed("no")])])
        recorded = [await tool.execute({}, context()) for _ in range(2)]

    [tool] = Replay(path).tools([RecordingTool()])
    assert [await tool.execute({}, context()) for _ in range(2)] == recorded == [given, ToolResult.failed("no")]


async def test_a_tool_that_took_too_long_is_over_at_once(path: Path) -> None:
    slow = RecordingTool(gate=asyncio.Event(), timeout_seconds=0.05)
    with Recorder(path) as recorder:
        model = recorder.model(script(calls_record(), {"text": "it was slow"}))
        await run(Agent("clerk", "Knows.", model, recorder.tools([slow])), "Go.")

    assert recorded_in(path, "tools")[0]["error"].startswith("the tool did not finish within 0.05 s")
    with Replay(path) as replay:
        [output] = await run(Agent("clerk", "Knows.", replay.model(), replay.tools([RecordingTool()])), "Go.")
    assert output.response == "it was slow"


# The file


@pytest.mark.parametrize("content", [b"", b"[]", b'{"recording": 2}', b'{"recording": 1}', b"\xff"])
def test_a_file_that_is_no_recording_is_refused_by_its_name(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"run\.json"):
        Replay(path)


def test_a_recording_that_is_not_there_says_how_to_make_it(path: Path) -> None:
    with pytest.raises(ConfigError, match="Recorder"):
        Replay(path)


async def test_a_block_that_fails_still_leaves_its_recording(path: Path) -> None:
    async def block() -> None:
        with Recorder(path) as recorder:
            await pieces(recorder.model(script({"text": "hello"})))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await block()

    assert (await pieces(Replay(path).model()))[0].content == "hello"


async def test_two_models_in_one_file_are_told_apart(path: Path) -> None:
    with Recorder(path) as recorder:
        for id in ("one", "two"):
            await pieces(recorder.model(ScriptedModel(id, turns=[{"text": id}])))

    replay = Replay(path)
    with pytest.raises(ConfigError, match="one, two"):
        replay.model()
    assert [(await pieces(replay.model(ScriptedModel(id))))[0].content for id in ("two", "one")] == ["two", "one"]
