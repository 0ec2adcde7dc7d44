import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from agiwo.abort import AbortSignal
from agiwo.errors import ConfigError, ToolError
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.testing import FrozenClock, RecordingTool
from agiwo.tool import BaseTool, ToolResult, tool
from agiwo.tool.executor import ToolExecutor
from agiwo.tool.function import FunctionTool

pytestmark = pytest.mark.anyio
CONTEXT = ExecutionContext(session_id="s", run_id="r")


class Weather(BaseTool):
    """The seed's example, word for word where it matters."""

    def get_name(self) -> str:
        return "get_weather"

    def get_description(self) -> str:
        return "Get current weather for a city"

    def get_parameters(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "City name"}},
            "required": ["city"],
        }

    def is_concurrency_safe(self) -> bool:
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        city = parameters["city"]
        return ToolResult(
            tool_name=self.name,
            tool_call_id=parameters.get("tool_call_id", ""),
            input_args=parameters,
            content=f"Weather in {city}: 25C, sunny",
            content_for_user=f"It's 25C and sunny in {city}",
            output={"temp": 25, "condition": "sunny"},
            start_time=0,
            end_time=0,
            duration=0,
        )


class Stubborn:
    """An async function that ignores its cancellation until it is let go."""

    def __init__(self) -> None:
        self.started, self.release, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.signal: AbortSignal | None = None

    async def __call__(self, signal: AbortSignal) -> str:
        self.signal = signal
        self.started.set()
        while not self.release.is_set():
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                continue
        self.ended.set()
        return "too late"


def call(name: str, arguments: str | dict[str, Any] = "") -> ToolCall:
    return ToolCall("call_1", name, arguments)


async def run(function: Callable[..., Any], arguments: str | dict[str, Any] = "") -> ToolResult:
    return await ToolExecutor([FunctionTool(function, name="f")]).execute(call("f", arguments), CONTEXT)


async def test_a_call_gives_the_tools_result_with_the_calls_own_facts() -> None:
    clock = FrozenClock(1000)

    result = await ToolExecutor([Weather()], clock).execute(call("get_weather", '{"city": "Bonn"}'), CONTEXT)

    assert result == ToolResult(
        tool_name="get_weather",
        tool_call_id="call_1",
        input_args={"city": "Bonn"},
        content="Weather in Bonn: 25C, sunny",
        content_for_user="It's 25C and sunny in Bonn",
        output={"temp": 25, "condition": "sunny"},
        start_time=1000,
        end_time=1000,
    )


async def test_an_unknown_tool_is_an_error_that_names_the_known_ones() -> None:
    result = await ToolExecutor([Weather()]).execute(call("wether"), CONTEXT)

    assert result.content == "Error: there is no tool 'wether'; did you mean 'get_weather'?"
    assert not result.is_success


@pytest.mark.parametrize("arguments", ['{"city": ', "[]", "{}", '{"city": 5}'])
async def test_arguments_that_cannot_be_used_are_an_error_that_quotes_them(arguments: str) -> None:
    result = await ToolExecutor([Weather()]).execute(call("get_weather", arguments), CONTEXT)

    assert result.content.startswith("Error: the arguments ")
    assert "You sent: " in result.content


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two tools are named 'get_weather'"):
        ToolExecutor([Weather(), Weather()])


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"timeout_seconds": 0}, "timeout_seconds is 0"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds is nan"),
        ({"timeout_seconds": "5"}, "timeout_seconds is '5'"),
        ({"effect": "maybe"}, "read, idempotent, once"),
        ({"get_name": lambda: "get weather"}, "cannot be named 'get weather'"),
        ({"get_name": lambda: ""}, "cannot be named ''"),
        ({"get_parameters": lambda: {"type": object}}, "not the JSON Schema of an object"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_at_once(wrong: dict[str, Any], fault: str) -> None:
    weather = Weather()
    for name, value in wrong.items():
        setattr(weather, name, value)

    with pytest.raises(ConfigError, match=fault):
        ToolExecutor([weather])


def test_the_definitions_keep_the_order_of_the_tools() -> None:
    def another() -> None: ...

    assert list(ToolExecutor([Weather(), tool(another)]).definitions) == ["get_weather", "another"]


async def test_a_tool_that_raises_is_an_error_with_the_type_and_the_text() -> None:
    async def fails() -> None:
        raise KeyError("city")

    assert (await run(fails)).error == "KeyError: 'city'"


async def test_a_tool_error_is_told_in_its_own_words() -> None:
    async def fails() -> None:
        raise ToolError("the city is too small")

    assert (await run(fails)).content == "Error: the city is too small"


async def test_a_long_exception_text_is_cut() -> None:
    async def fails() -> None:
        raise ValueError("x" * 100_000)

    assert len((await run(fails)).content) < 2100


async def test_a_tool_that_exits_does_not_end_the_process() -> None:
    async def leaves() -> None:
        sys.exit("bye")

    def leaves_in_a_thread() -> None:
        sys.exit(3)

    assert (await run(leaves)).error == "SystemExit: bye"
    assert (await run(leaves_in_a_thread)).error == "SystemExit: 3"


async def test_a_tool_that_cancels_itself_is_an_error_and_cancels_nobody_else() -> None:
    async def cancels() -> None:
        raise asyncio.CancelledError

    assert (await run(cancels)).error == "the tool cancelled itself"


@pytest.mark.parametrize("value", [object(), 2**100, {"x": b"\xff"}])
async def test_a_value_that_cannot_be_stored_is_an_error_that_says_so(value: object) -> None:
    def gives() -> object:
        return value

    assert "cannot be stored" in (await run(gives)).content


class Careless(Weather):
    """Gives whatever it was made with."""

    def __init__(self, value: Any) -> None:
        self.value = value

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        return self.value


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("plain", "plain"),
        ({"a": 1}, '{"a":1}'),
        (None, "null"),
        (ToolResult(content={"a": 1}), '{"a":1}'),  # pyright: ignore[reportArgumentType] - what untyped code gives
    ],
)
async def test_the_content_is_text_whatever_a_tool_gives(value: Any, content: str) -> None:
    result = await ToolExecutor([Careless(value)]).execute(call("get_weather", '{"city": "x"}'), CONTEXT)

    assert (result.content, result.is_success) == (content, True)


async def test_the_calls_id_is_given_to_a_tool_whose_schema_forbids_it() -> None:
    class Strict(Weather):
        def get_parameters(self) -> dict[str, Any]:
            return {**super().get_parameters(), "additionalProperties": False}

        async def execute(
            self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
        ) -> ToolResult:
            return ToolResult.of(parameters)

    result = await ToolExecutor([Strict()]).execute(call("get_weather", '{"city": "Bonn"}'), CONTEXT)

    assert result.output == {"city": "Bonn", "tool_call_id": "call_1"}


async def test_a_tool_learns_when_its_time_is_over() -> None:
    async def deadline(context: ExecutionContext) -> float | None:
        return context.timeout_at

    executor = ToolExecutor(
        [tool(deadline), FunctionTool(deadline, name="endless", timeout_seconds=None)], FrozenClock(1000)
    )

    assert (await executor.execute(call("deadline"), CONTEXT)).output == 1030
    assert (await executor.execute(call("endless"), CONTEXT)).output is None


async def test_a_tool_whose_time_is_over_is_cancelled_with_its_signal_raised() -> None:
    started, seen = asyncio.Event(), list[str | None]()

    @tool(timeout_seconds=5)
    async def slow(signal: AbortSignal) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.append(signal.reason)

    clock = FrozenClock()
    running = asyncio.create_task(ToolExecutor([slow], clock).execute(call("slow"), CONTEXT))
    await started.wait()
    clock.advance(4.9)
    await asyncio.sleep(0)
    assert not running.done()
    clock.advance(0.1)
    result = await running

    assert result.error == seen[0] == "the tool did not finish within 5 seconds and was given up"
    assert result.duration == pytest.approx(5)


async def test_a_tool_that_ignores_its_cancellation_is_abandoned_and_its_late_result_dropped() -> None:
    stubborn, clock = Stubborn(), FrozenClock()
    executor = ToolExecutor([FunctionTool(stubborn, name="stubborn")], clock)
    running = asyncio.create_task(executor.execute(call("stubborn"), CONTEXT))
    await stubborn.started.wait()
    clock.advance(30)
    async with asyncio.timeout(60):
        result = await running

    assert "did not finish within 30 seconds" in result.content
    assert not stubborn.ended.is_set()
    stubborn.release.set()
    await executor.close()
    assert stubborn.ended.is_set()


async def test_cancelling_the_caller_cancels_the_tool_and_comes_out_again() -> None:
    stubborn = Stubborn()
    executor = ToolExecutor([FunctionTool(stubborn, name="stubborn")])
    running = asyncio.create_task(executor.execute(call("stubborn"), CONTEXT))
    await stubborn.started.wait()
    running.cancel()
    async with asyncio.timeout(60):
        await asyncio.wait({running})

    assert running.cancelled()
    assert stubborn.signal is not None
    assert stubborn.signal.reason == "the run was cancelled"
    stubborn.release.set()
    await executor.close()


async def test_a_raised_signal_ends_the_call_without_cancelling_the_caller() -> None:
    signal, waiting = AbortSignal(), asyncio.Event()

    @tool
    async def waits() -> None:
        waiting.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(ToolExecutor([waits]).execute(call("waits"), CONTEXT, signal))
    await waiting.wait()
    signal.abort("the user pressed stop")

    assert (await running).content == "Aborted: the user pressed stop"


async def test_a_call_whose_signal_is_raised_already_is_not_begun() -> None:
    signal, record = AbortSignal(), RecordingTool()
    signal.abort()
    result = await ToolExecutor([record]).execute(call("record"), CONTEXT, signal)

    assert (result.is_success, record.calls) == (False, [])


async def test_a_sync_function_that_hangs_is_given_up_and_holds_nothing() -> None:
    loop, started, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    @tool(timeout_seconds=5)
    def hangs() -> str:
        loop.call_soon_threadsafe(started.set)
        release.wait()
        return "too late"

    clock = FrozenClock()
    executor = ToolExecutor([hangs], clock)
    running = asyncio.create_task(executor.execute(call("hangs"), CONTEXT))
    await started.wait()
    clock.advance(5)
    result = await running
    release.set()

    assert "did not finish within 5 seconds" in result.content


async def test_closing_an_idle_executor_does_nothing() -> None:
    await ToolExecutor([]).close()
