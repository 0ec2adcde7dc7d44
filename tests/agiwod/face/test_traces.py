"""Traces on the wire: listed, shown with their spans, and refused when nobody has them."""

import pytest
from agiwo_protocol.errors import InvalidParams, NotFound
from daemon_lab import calling, running, scripted

pytestmark = pytest.mark.anyio


async def test_a_trace_is_listed_and_shown_by_its_id_and_by_its_run() -> None:
    async with running(scripted("echo", {"text": "It is 42."})) as daemon, calling(daemon) as caller:
        run = await caller.start("echo")
        await caller.call("run/wait", runId=run)
        [listed] = (await caller.call("trace/list"))["traces"]
        by_id = await caller.call("trace/get", traceId=listed["traceId"])
        by_run = await caller.call("trace/get", runId=run, content=True)

    assert (listed["runId"], listed["status"], listed["llmCalls"]) == (run, "ok", 1)
    assert by_id["trace"] == by_run["trace"] == listed
    assert [span["kind"] for span in by_id["spans"]] == ["agent", "llm_call"]
    assert "42" not in str(by_id["spans"][1].get("output"))
    assert by_run["spans"][1]["output"] == "It is 42."


async def test_a_page_of_spans_and_a_filter_leave_out_the_rest() -> None:
    async with running(scripted("echo", {"text": "Hi."})) as daemon, calling(daemon) as caller:
        run = await caller.start("echo")
        await caller.call("run/wait", runId=run)
        page = await caller.call("trace/get", runId=run, after=1, limit=1)
        failed = await caller.call("trace/list", status="error")

    assert ([span["kind"] for span in page["spans"]], page["total"]) == (["llm_call"], 2)
    assert failed["traces"] == []


async def test_a_trace_that_nobody_has_is_not_found() -> None:
    async with running(scripted("echo")) as daemon, calling(daemon) as caller:
        for params in ({"traceId": "0" * 31 + "1"}, {"runId": "run_nobody"}):
            with pytest.raises(NotFound):
                await caller.call("trace/get", **params)
        with pytest.raises(InvalidParams):
            await caller.call("trace/get")


async def test_a_run_is_below_the_span_that_its_client_names() -> None:
    trace, above = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    async with running(scripted("echo", {"text": "Hi."})) as daemon, calling(daemon) as caller:
        run = await caller.start("echo", traceparent=f"00-{trace}-{above}-01")
        await caller.call("run/wait", runId=run)
        shown = await caller.call("trace/get", traceId=trace)

    assert (shown["trace"]["runId"], shown["spans"][0]["parentSpanId"]) == (run, above)
