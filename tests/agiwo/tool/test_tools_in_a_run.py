"""What tools do wrong, seen from a whole run: it goes on, and its record holds what a reader needs."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from agent_lab import calls, requests_of
from agiwo.agent import Agent, AgentOptions
from agiwo.errors import ToolError
from agiwo.schema.run import TerminationReason
from agiwo.schema.stream import RunOutput
from agiwo.testing import RecordingTool, ScriptedModel
from agiwo.tool import BaseTool, ToolResult, tool
from agiwo.tool.result import MODEL_LIMIT
from figures import Figures
from pause import effort, longest_pause

pytestmark = pytest.mark.anyio

MEBIBYTE = 1024 * 1024


class OfItsOwn(BaseException):
    """What no `except Exception` sees."""


def raises(error: BaseException) -> Callable[[], Any]:
    async def fault() -> None:
        """Go wrong."""
        raise error

    return fault


def gives(value: Any) -> Callable[[], Any]:
    async def fault() -> Any:
        """Give something."""
        return value

    return fault


def circle() -> Any:
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    return loop


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


class _Untyped:
    """Gives what is asked for as what nobody checks."""

    def __getitem__(self, value: Any) -> Any:
        return value


UNTYPED = _Untyped()

FAULTS = [
    (raises(KeyError("x")), "Error: KeyError: 'x'"),
    (raises(ToolError("\ud800 is half a character")), "Error: \ufffd is half a character"),
    (raises(OfItsOwn("mine")), f"Error: {__name__}.OfItsOwn: mine"),
    (raises(KeyboardInterrupt()), "Error: KeyboardInterrupt"),
    (raises(SystemExit(3)), "Error: SystemExit: 3"),
    (raises(GeneratorExit()), "Error: GeneratorExit"),
    (raises(asyncio.CancelledError()), "Error: the tool cancelled itself"),
    (raises(StopAsyncIteration()), "Error: StopAsyncIteration"),
    (raises(RecursionError("deep")), "Error: RecursionError: deep"),
    (raises(MemoryError()), "Error: MemoryError"),
    (gives(None), "null"),
    (gives(float("nan")), '"NaN"'),
    (gives("half \ud800"), "half \ufffd"),
    (gives({"a": float("inf")}), '{"a":'),
    (gives(object()), "Error: the tool's result cannot be stored"),
    (gives(circle()), "Error: the tool's result cannot be stored"),
    (gives(nested(100_000)), "Error: "),
    (gives(2**80), "Error: the tool's result cannot be stored"),
    (gives(10**10_000), "Error: "),
    (gives({1: 2}), '{"1":2}'),
    (gives(b"\xff"), "Error: the tool's result cannot be stored"),
    (gives(ToolResult(content="x", output={1, 2})), "Error: the tool's result cannot be stored"),
    (gives(ToolResult(termination_reason=UNTYPED["bored"])), "Error: 'bored' is not a valid TerminationReason"),
    (gives(ToolResult(content=UNTYPED[7])), "7"),
]


def agent_with(*tools: BaseTool | Callable[..., Any], name: str = "fault", **options: Any) -> Agent:
    model = ScriptedModel(turns=[calls(name), {"text": "Done."}])
    return Agent("agent", "Does as told.", model, tools, options=AgentOptions(**options))


async def told(agent: Agent) -> tuple[RunOutput, list[str]]:
    """The run's outcome, and what the model was told of its calls."""
    try:
        async with asyncio.timeout(60):
            output = await agent.run("go")
    finally:
        await agent.close()
    return output, [message["content"] for message in requests_of(agent)[-1] if message["role"] == "tool"]


@pytest.mark.parametrize(("fault", "content"), FAULTS, ids=lambda value: value[:60] if isinstance(value, str) else "")
async def test_whatever_a_tool_does_wrong_is_told_to_the_model_and_the_run_goes_on(
    fault: Callable[[], Any], content: str
) -> None:
    output, results = await told(agent_with(fault))

    assert output.response == "Done."
    assert results[0].startswith(content), results[0][:200]


async def test_a_tool_that_swallows_its_cancellation_is_left_behind_when_its_time_is_over() -> None:
    release = asyncio.Event()

    @tool(timeout_seconds=0.05)
    async def fault() -> str:
        """Never give up."""
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "too late"

    output, results = await told(agent_with(fault))
    release.set()

    assert output.response == "Done."
    assert results == ["Error: the tool did not finish within 0.05 seconds and was given up"]


async def test_a_tool_that_swallows_its_cancellation_does_not_hold_a_cancelled_run() -> None:
    started, release = asyncio.Event(), asyncio.Event()

    @tool(timeout_seconds=None)
    async def fault() -> None:
        """Never give up."""
        started.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    agent = agent_with(fault)
    handle = await agent.start("go")
    await started.wait()
    await handle.cancel("enough")
    async with asyncio.timeout(60):
        output = await handle.wait()
    release.set()

    assert output.termination_reason is TerminationReason.CANCELLED
    await agent.close()


@pytest.mark.parametrize(("size", "as_output"), [(50, False), (4, True)])
async def test_many_mebibytes_are_kept_for_a_reader_and_cut_for_the_model(size: int, as_output: bool) -> None:
    text = "x" * (size * MEBIBYTE)

    async def fault() -> Any:
        """Give a lot."""
        return ToolResult(content="short", output=[text]) if as_output else text

    agent = agent_with(fault)
    handle = await agent.start("go")
    items = [event async for event in handle.stream() if event.type == "step_completed"]
    results = [message["content"] for message in requests_of(agent)[-1] if message["role"] == "tool"]
    await agent.close()

    call = next(item.data for item in items if item.data["kind"] == "toolCall")
    spooled = call["output"]["value" if as_output else "content"]
    assert spooled["size"] >= size * MEBIBYTE
    assert set(spooled) == {"blob", "size", "head", "tail"}
    assert len(results[0]) < MODEL_LIMIT + 100
    assert as_output or "characters left out" in results[0]


MANY = [{"id": number, "name": f"user number {number}", "tags": ["a", "b"]} for number in range(110_000)]

HEAVY = [
    MANY,
    "text\n" * 4_000_000,
    {"text": "a line\n" * 2_000_000},
    ToolResult(content="short", output={"users": MANY}),
    ToolResult(content="half \ud800" + "x" * 10_000_000),
]


@pytest.mark.parametrize("value", HEAVY, ids=range(len(HEAVY)))
async def test_many_mebibytes_of_a_tool_do_not_hold_up_the_event_loop(value: Any, figures: Figures) -> None:
    await told(agent_with(gives("what is loaded once holds it up once")))
    at_once = effort(lambda: json.dumps(MANY))
    agent = agent_with(gives(value))
    with longest_pause() as pause:
        output = await agent.run("go")
    await agent.close()

    assert output.response == "Done."
    # About a tenth of that; several times that for the first when all is done on the loop, or beside it but at once.
    figures("longest pause", pause.seconds, "s of processor time", at_most=at_once)


async def test_a_thousand_calls_at_once_all_have_their_results_in_order() -> None:
    running, most = 0, 0

    @tool(effect="read")
    async def count(number: int) -> int:
        """Give it back."""
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number

    model = ScriptedModel(turns=[calls(*(("count", {"number": n}) for n in range(1000))), {"text": "Done."}])
    output, results = await told(Agent("agent", "Counts.", model, [count]))

    assert output.response == "Done."
    assert results == [str(number) for number in range(1000)]
    assert 1 < most <= 32


async def test_a_result_that_may_be_cached_answers_the_same_call_of_a_later_run_too() -> None:
    asked: list[str] = []

    @tool(cacheable=True, effect="read")
    async def look(at: str) -> str:
        """Look at something."""
        asked.append(at)
        return f"seen {at}"

    model = ScriptedModel(turns=[calls(("look", {"at": "this"})), calls(("look", {"at": "that"})), {"text": "Done."}])
    agent = Agent("agent", "Looks.", model, [look])
    for _ in range(2):
        _, results = await told(agent)
        assert results == ["seen this", "seen that"]
    assert asked == ["this", "that"]


async def test_a_thousand_calls_that_only_raise_are_a_thousand_errors() -> None:
    model = ScriptedModel(turns=[calls(*["record", "missing"] * 500), {"text": "Done."}])
    output, results = await told(Agent("agent", "Fails.", model, [RecordingTool(results=[ValueError("no")])]))

    assert output.response == "Done."
    assert [result[:20] for result in results] == ["Error: ValueError: n", "Error: there is no t"] * 500


MALFORMED = [
    '{"text": "cut',
    "{'text': ",
    "[" * 100_000,
    '{"a":' * 500 + "1" + "}" * 500,
    '{"x": ' + "9" * 10_000 + "}",
    '{"text": "\\ud800"}',
    "\x00",
    '{"a": 1}' * 2,
]


@pytest.mark.parametrize("arguments", MALFORMED, ids=range(len(MALFORMED)))
async def test_arguments_that_are_no_whole_object_never_reach_a_tool(arguments: str) -> None:
    record = RecordingTool()
    model = ScriptedModel(turns=[calls(("record", arguments)), {"text": "Done."}])
    output, results = await told(Agent("agent", "Calls.", model, [record]))

    assert output.response == "Done."
    assert results[0].startswith("Error: the arguments")
    assert record.calls == []
