import asyncio

import pytest
from agiwo.schema.tool import ExecutionContext, ToolCall
from agiwo.testing import RecordingTool
from agiwo.tool.executor import ToolExecutor

pytestmark = pytest.mark.anyio
CONTEXT = ExecutionContext(session_id="s", run_id="r", idempotency_key="0.0")


async def test_a_recording_tool_remembers_its_calls_and_gives_its_results_in_order() -> None:
    tool = RecordingTool(results=["one", {"two": 2}, ValueError("three")])
    executor = ToolExecutor([tool])

    results = [await executor.execute(ToolCall("c", "record", {"n": n}), CONTEXT) for n in range(4)]

    assert tool.calls == [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 3}]
    assert tool.contexts[0].idempotency_key == "0.0"
    assert [result.content for result in results] == [
        "one",
        '{"two":2}',
        "Error: ValueError: three",
        "Error: ValueError: three",
    ]


async def test_a_gate_holds_every_call_until_it_is_open() -> None:
    gate = asyncio.Event()
    tool = RecordingTool(gate=gate, effect="read", concurrency_safe=False)
    running = asyncio.create_task(ToolExecutor([tool]).execute(ToolCall("c", "record"), CONTEXT))
    await tool.started.wait()

    assert not running.done()
    gate.set()
    assert (await running).content == "recorded"
    assert (tool.get_definition().effect, tool.get_definition().is_concurrency_safe) == ("read", False)
