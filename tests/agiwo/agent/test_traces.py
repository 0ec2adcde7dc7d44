"""The traces of agents: where they are kept, what of them stands in events and requests, and whom they may hold up."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from agent_lab import CheckedModel, calls
from agiwo.agent import Agent, AgentOptions, ExecutionContext, RunStepStorageConfig, TraceStorageConfig
from agiwo.errors import ConfigError
from agiwo.llm import OpenAIModel
from agiwo.observability import BaseTraceStorage, InMemoryTraceStorage, SpanStatus, Trace, TraceQuery
from agiwo.observability.collector import Keeping
from agiwo.schema.trace_context import TraceContext, run_of
from agiwo.testing import RecordingTool
from agiwo.tool import tool
from fake_provider import FakeProvider, says
from trace_lab import check_trace, drawn_names

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}
HANGING: dict[str, Any] = {"text": "so far", "hang": True}


def traced(kind: str | None, **config: Any) -> AgentOptions:
    return AgentOptions(trace_storage=TraceStorageConfig(kind, config))


@pytest.mark.parametrize("kind", [None, "memory", "sqlite"])
async def test_an_agent_shows_its_traces_wherever_they_are_kept(agents: Any, tmp_path: Path, kind: str | None):
    config = {"db_path": str(tmp_path / "traces.db")} if kind == "sqlite" else {}
    note = RecordingTool("note")
    agent = agents.make(calls("note"), DONE, tools=[note], options=traced(kind, **config))
    output = await agent.run("Go.")

    [trace] = await agent.trace_storage.get_recent()

    check_trace(trace)
    assert drawn_names(trace) == ["invoke_agent agent", "  chat script", "  execute_tool note", "  chat script"]
    assert (trace.run_id, trace.status, run_of(trace.trace_id)) == (output.run_id, SpanStatus.OK, output.run_id)
    assert await agent.trace_storage.get_trace(trace.trace_id) == trace
    assert await agent.trace_storage.query_traces({"status": "error"}) == []


async def test_a_run_that_goes_on_has_the_trace_of_what_it_did_so_far(agents: Any):
    agent = agents.make(calls("note"), HANGING, tools=[RecordingTool("note")], options=traced("memory"))
    handle = await agent.start("Go.")
    async for event in handle.stream():
        if event.delta and event.delta.content:
            break

    [listed] = await agent.trace_storage.get_recent()
    trace = await agent.trace_storage.get_trace(listed.trace_id)

    assert listed.status == SpanStatus.RUNNING
    assert trace
    assert drawn_names(trace) == ["invoke_agent agent", "  chat script", "  execute_tool note"]
    await handle.cancel()


async def test_a_run_of_an_earlier_process_gets_the_whole_of_its_trace_when_it_goes_on(agents: Any, tmp_path: Path):
    options = AgentOptions(
        run_step_storage=RunStepStorageConfig("sqlite", {"db_path": str(tmp_path / "runs.db")}),
        trace_storage=TraceStorageConfig("sqlite", {"db_path": str(tmp_path / "traces.db")}),
    )
    called = calls("note"), calls(("child", {"task": "x"}))
    child = agents.make(DONE, id="child")
    first = agents.make(*called, HANGING, tools=[RecordingTool("note"), child.as_tool()], options=options)
    handle = await first.start("Go.")
    async for event in handle.stream():
        if event.delta and event.delta.content == "so far":
            break
    await first.close()
    child = agents.make(DONE, id="child")
    second = agents.make(*called, DONE, tools=[RecordingTool("note"), child.as_tool()], options=options)
    await (await second.attach(handle.run_id)).wait()

    [trace] = await second.trace_storage.get_recent()

    check_trace(trace)
    assert drawn_names(trace) == [
        "invoke_agent agent",
        "  chat script",
        "  execute_tool note",
        "  chat script",
        "  execute_tool child",
        "    invoke_agent child",
        "      chat script",
        "  invoke_agent agent",
        "    chat script",
    ]


async def test_the_child_of_an_agent_is_in_the_trace_of_the_agent(agents: Any):
    child = agents.make(DONE, id="child", options=traced("memory"))
    agent = agents.make(calls(("child", {"task": "x"})), DONE, tools=[child.as_tool()], options=traced("memory"))
    await agent.run("Go.")

    [trace] = await agent.trace_storage.get_recent()

    assert drawn_names(trace)[2:5] == ["  execute_tool child", "    invoke_agent child", "      chat script"]
    assert trace.max_depth == 1
    assert await child.trace_storage.get_recent() == []


async def test_a_run_that_a_tool_starts_by_itself_is_below_the_call(agents: Any):
    inner = agents.make(DONE, id="inner")

    @tool
    async def asks(context: ExecutionContext) -> str:
        """Asks another agent."""
        return (await inner.run("Go.", context=context)).response or ""

    agent = agents.make(calls("asks"), DONE, tools=[asks], options=traced("memory"))
    events = [event async for event in agent.run_stream("Go.")]

    [below] = await inner.trace_storage.get_recent()

    [trace] = await agent.trace_storage.get_recent()
    call = next(span for span in trace.spans if span.name == "execute_tool asks")
    assert (below.trace_id, below.spans[0].parent_span_id) == (trace.trace_id, call.span_id)
    assert {event.trace_id for event in events} == {trace.trace_id}


async def test_events_name_the_span_that_they_come_from(agents: Any):
    child = agents.make({"text": "Hm."}, id="child")
    agent = agents.make(calls(("child", {"task": "x"})), DONE, tools=[child.as_tool()], options=traced("memory"))
    events = [event async for event in agent.run_stream("Go.")]
    [trace] = await agent.trace_storage.get_recent()
    spans = {span.span_id: span for span in trace.spans}

    assert {event.trace_id for event in events} == {trace.trace_id}
    for event in events:
        assert event.span_id in spans, (event, drawn_names(trace))
        span = spans[event.span_id or ""]
        assert span.run_id == event.run_id
        assert event.delta or span.parent_span_id == event.parent_span_id
    told = {event.data.get("text"): spans[event.span_id or ""].name for event in events if event.delta}
    assert told == {'{"task":"x"}': "execute_tool child", "Hm.": "chat script", "Done.": "chat script"}


async def test_a_provider_is_told_which_span_its_request_belongs_to(agents: Any):
    async with FakeProvider(says("Hello.")) as provider:
        model = OpenAIModel("any", base_url=provider.base_url)
        agent = Agent("agent", "Does as told.", model, [], options=traced("memory"))
        above = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
        await agent.run("Go.", traceparent=above.header)
        [trace] = await agent.trace_storage.get_recent()
        await agent.close()

    [request] = provider.requests
    chat = next(span for span in trace.spans if span.kind == "llm_call")
    assert request.headers["traceparent"] == TraceContext(above.trace_id, chat.span_id).header
    assert trace.spans[0].parent_span_id == above.span_id


class Hanging(InMemoryTraceStorage):
    """A store that never answers."""

    async def keep(self, trace: Trace) -> None:
        await asyncio.Event().wait()


class Refusing(BaseTraceStorage):
    """A store that takes nothing and finds nothing."""

    async def keep(self, trace: Trace) -> None:
        raise OSError("the disk is full")

    async def get_trace(self, trace_id: str) -> Trace | None:
        return None

    async def query_traces(self, query: TraceQuery | Mapping[str, Any]) -> list[Trace]:
        return []


@pytest.mark.parametrize("store", [Hanging, Refusing])
async def test_a_store_that_does_not_work_harms_no_run(
    store: type[BaseTraceStorage], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    for name in ("_PATIENCE", "_FAREWELL"):
        monkeypatch.setattr(f"agiwo.observability.collector.{name}", 0.01)
    agent = Agent("agent", "Does as told.", CheckedModel(turns=[DONE]), [])
    agent.keeping = Keeping(store())
    with caplog.at_level(logging.CRITICAL):
        outputs = [await agent.run("Go.") for _ in range(3)]
        trace = await agent.trace_storage.get_trace(outputs[0].run_id)
        await agent.close()

    assert [output.response for output in outputs] == ["Done."] * 3
    assert trace is None


async def test_traces_that_no_store_keeps_are_not_saved_by_hand(agents: Any):
    agent = agents.make(DONE)
    await agent.run("Go.")
    [trace] = await agent.trace_storage.get_recent()
    with pytest.raises(ConfigError, match="trace_storage"):
        await agent.trace_storage.save_trace(trace)


def test_what_a_store_of_traces_does_not_know_is_refused():
    for kind, config in (("redis", {}), ("memory", {"db_path": "x"}), ("sqlite", {"buffer_size": 0})):
        with pytest.raises(ConfigError, match="trace_storage"):
            TraceStorageConfig(kind, config)
