from typing import Any

import pytest
from agiwo.clock import Clock
from agiwo.schema.run import TerminationReason
from agiwo.schema.tool import Effect, ExecutionContext, ToolCall
from agiwo.testing import FrozenClock, RecordingTool
from agiwo.tool import ToolResult
from agiwo.tool.cache import ResultCache
from agiwo.tool.executor import ToolExecutor

pytestmark = pytest.mark.anyio
CONTEXT = ExecutionContext(session_id="s", run_id="r")


def remembered(*results: object, effect: Effect = "read", seconds: float = 300) -> RecordingTool:
    """A tool that says that its results may be kept."""
    record = RecordingTool(results=results or ("one", "two", "three"), effect=effect)
    record.cacheable, record.cache_seconds = True, seconds
    return record


async def ask(executor: ToolExecutor, arguments: Any = "{}", *, id: str = "c", user: str | None = None) -> ToolResult:
    context = ExecutionContext(session_id="s", run_id="r", user_id=user)
    return await executor.execute(ToolCall(id, "record", arguments), context)


async def test_the_same_arguments_are_answered_again_without_a_call_whatever_their_order() -> None:
    record, clock = remembered(), FrozenClock(1000)
    executor = ToolExecutor([record], clock)
    first = await ask(executor, '{"a": 1, "b": {"x": 1, "y": 2}}', id="c1")
    clock.advance(10)
    second = await ask(executor, '{"b": {"y": 2, "x": 1}, "a": 1}', id="c2")

    assert [first.content, second.content, len(record.calls)] == ["one", "one", 1]
    assert (second.tool_call_id, second.start_time, second.duration) == ("c2", 1010, 0)


async def test_other_arguments_and_another_user_are_a_call_of_their_own() -> None:
    executor = ToolExecutor([remembered()])

    said = [(await ask(executor, arguments, user=user)).content for arguments, user in CALLS]
    assert said == ["one", "two", "three", "one"]


CALLS = [('{"a": 1}', None), ('{"a": 2}', None), ('{"a": 1}', "ann"), ('{"a": 1}', None)]


async def test_a_result_is_forgotten_when_it_is_too_old() -> None:
    clock = FrozenClock()
    executor = ToolExecutor([remembered(seconds=60)], clock)

    said: list[str] = []
    for seconds in (0, 59.9, 0.1):
        clock.advance(seconds)
        said.append((await ask(executor)).content)
    assert said == ["one", "one", "two"]


@pytest.mark.parametrize("result", [ValueError("broken"), ToolResult.failed("no"), ToolResult(content="x", output={1})])
async def test_a_failure_is_not_kept(result: object) -> None:
    executor = ToolExecutor([remembered(result, "better")])
    assert not (await ask(executor)).is_success

    assert (await ask(executor)).content == "better"


async def test_a_result_that_ends_the_run_is_not_kept() -> None:
    end = ToolResult(content="end", termination_reason=TerminationReason.COMPLETED)
    executor = ToolExecutor([remembered(end, "again")])

    assert [(await ask(executor)).content, (await ask(executor)).content] == ["end", "again"]


@pytest.mark.parametrize(("effect", "calls"), [("read", 1), ("idempotent", 1), ("once", 2)])
async def test_a_call_that_has_to_happen_each_time_is_never_answered_from_the_cache(effect: Effect, calls: int) -> None:
    record = remembered(effect=effect)
    executor = ToolExecutor([record])
    await ask(executor)
    await ask(executor)

    assert len(record.calls) == calls


async def test_a_tool_that_does_not_say_so_is_not_cached() -> None:
    record = RecordingTool(effect="read")
    executor = ToolExecutor([record])
    await ask(executor)
    await ask(executor)

    assert len(record.calls) == 2


def cache_of(entries: int, size: int, clock: Clock) -> ResultCache:
    return ResultCache(clock, entries=entries, size=size)


def test_the_result_that_was_asked_for_longest_ago_goes_first() -> None:
    cache = cache_of(2, 1000, FrozenClock())
    cache.keep("a", ToolResult(content="a"), 60)
    cache.keep("b", ToolResult(content="b"), 60)
    assert cache.find("a") is not None
    cache.keep("c", ToolResult(content="c"), 60)

    assert [key for key in "abc" if cache.find(key)] == ["a", "c"]


def test_long_results_leave_no_more_than_the_cache_may_hold() -> None:
    cache = cache_of(100, 1000, FrozenClock())
    for key in "abcdef":
        cache.keep(key, ToolResult(content="x" * 200, output="y" * 20), 60)
    cache.keep("g", ToolResult(content="x" * 251), 60)

    assert [key for key in "abcdefg" if cache.find(key)] == ["c", "d", "e", "f"]


def test_a_result_that_is_kept_anew_is_counted_once() -> None:
    cache = cache_of(100, 1000, FrozenClock())
    for _ in range(100):
        cache.keep("a", ToolResult(content="x" * 200), 60)
    cache.keep("b", ToolResult(content="x" * 200), 60)

    assert [key for key in "ab" if cache.find(key)] == ["a", "b"]
