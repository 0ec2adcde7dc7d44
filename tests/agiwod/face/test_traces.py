"""Traces on the wire: listed, shown with their spans, and refused when nobody has them."""

from typing import Any

import pytest
from agiwo.agent import Agent
from agiwo.testing import RecordingTool, ScriptedModel
from agiwo_protocol.errors import Conflict, InvalidParams, NotFound
from daemon_lab import LiveModel, calling, running, scripted

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
    assert "42" in by_run["spans"][1]["attributes"]["gen_ai.output.messages"]


async def test_a_page_of_spans_and_a_filter_leave_out_the_rest() -> None:
    async with running(scripted("echo", {"text": "Hi."})) as daemon, calling(daemon) as caller:
        run = await caller.start("echo")
        await caller.call("run/wait", runId=run)
        page = await caller.call("trace/get", runId=run, after=1, limit=1)
        failed = await caller.call("trace/list", status="error")

    assert ([span["kind"] for span in page["spans"]], page["total"]) == (["llm_call"], 2)
    assert failed["traces"] == []


async def test_a_first_look_has_what_the_run_had_done_at_an_event_and_is_a_trace_that_goes_on() -> None:
    async with running(scripted("echo", {"text": "Hi."})) as daemon, calling(daemon) as caller:
        run = await caller.start("echo")
        await caller.call("run/wait", runId=run)
        before = await caller.call("trace/get", runId=run, seq=3)
        answered = await caller.call("trace/get", runId=run, seq=4)
        whole = await caller.call("trace/get", runId=run, seq=10_000)
        same = await caller.call("trace/get", runId=run)

    assert [span["kind"] for span in before["spans"]] == ["agent"]
    assert (before["total"], before["trace"]["status"]) == (1, "running")
    assert "endAt" not in before["trace"]
    assert (answered["trace"]["status"], answered["trace"]["startAt"]) == ("running", same["trace"]["startAt"])
    assert whole == same


async def test_a_trace_that_nobody_has_is_not_found() -> None:
    async with running(scripted("echo")) as daemon, calling(daemon) as caller:
        for params in ({"traceId": "0" * 31 + "1"}, {"runId": "run_nobody"}, {"runId": "run_nobody", "seq": 1}):
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


async def test_the_newest_is_shown_as_it_was_listed_and_a_run_that_goes_on_as_it_is_then() -> None:
    model = LiveModel()
    async with running(Agent("slow", "", model), scripted("echo")) as daemon, calling(daemon) as caller:
        await caller.call("run/wait", runId=await caller.start("echo"))
        [newest] = (await caller.call("trace/list", limit=1))["traces"]
        assert (await caller.call("trace/get", runId=newest["runId"]))["trace"] == newest
        run = await caller.start("slow")
        await model.asked.wait()
        [newest] = (await caller.call("trace/list", limit=1))["traces"]
        model.say("Hi.", None)
        await caller.call("run/wait", runId=run)
        shown = await caller.call("trace/get", runId=run)

    assert (newest["runId"], newest["status"]) == (run, "running")
    assert shown["trace"]["status"] == "ok"


async def test_pages_of_one_trace_are_of_one_reading() -> None:
    async with running(scripted("echo", {"text": "Hi."})) as daemon, calling(daemon) as caller:
        run = await caller.start("echo")
        await caller.call("run/wait", runId=run)
        whole = (await caller.call("trace/get", runId=run))["spans"]
        first = await caller.call("trace/get", runId=run, limit=1)
        other = await caller.start("echo")
        await caller.call("run/wait", runId=other)
        second = await caller.call("trace/get", runId=run, after=1, limit=1)
        elsewhere = await caller.call("trace/get", runId=other, after=1, limit=1)

    assert first["spans"] + second["spans"] == whole
    assert elsewhere["spans"][0]["runId"] == other


async def test_what_was_said_comes_in_pages_that_a_message_can_hold() -> None:
    turns: list[Any] = [{"toolCalls": [{"name": "tells", "arguments": {}}] * 40}] * 3
    tool = RecordingTool("tells", results=["x" * 40_000])
    agent = Agent("wordy", "", ScriptedModel(turns=[*turns, {"text": "Done."}]), [tool])
    async with running(agent) as daemon, calling(daemon) as caller:
        run = await caller.start("wordy")
        await caller.call("run/wait", runId=run)
        spans: list[dict[str, object]] = []
        pages = 0
        while True:
            page = await caller.call("trace/get", runId=run, content=True, after=len(spans))
            spans, pages = [*spans, *page["spans"]], pages + 1
            assert len(str(page)) < 8 * 2**20
            if len(spans) == page["total"]:
                break

    assert (len(spans), len({span["spanId"] for span in spans})) == (125, 125)
    assert 3 < pages < 20


async def test_every_filter_leaves_out_what_does_not_fit() -> None:
    async with running(scripted("echo", {"text": "Hi."})) as daemon, calling(daemon) as caller:
        run = await caller.start("echo", sessionId="mine")
        await caller.call("run/wait", runId=run)
        [began] = [each["startAt"] for each in (await caller.call("trace/list"))["traces"]]

        async def fits(**params: object) -> bool:
            return bool((await caller.call("trace/list", **params))["traces"])

        assert await fits(agentId="echo", sessionId="mine", status="ok", startTime=began, endTime=began)
        assert await fits(minDurationMs=0, maxDurationMs=1e6)
        wrong: list[dict[str, object]] = [
            {"agentId": "other"},
            {"sessionId": "other"},
            {"userId": "other"},
            {"status": "running"},
            {"startTime": "2200-01-01T00:00:00Z"},
            {"endTime": "2000-01-01T00:00:00+02:00"},
            {"minDurationMs": 1e6},
        ]
        assert [params for params in wrong if await fits(**params)] == []
        for moment in ("yesterday", "2026-11-22T10:00:00", ""):
            with pytest.raises(InvalidParams):
                await caller.call("trace/list", startTime=moment)


async def test_a_run_is_found_by_what_only_its_id_or_that_of_its_trace_begins_with() -> None:
    async with running(scripted("echo", {"text": "Hi."})) as daemon, calling(daemon) as caller:
        run = await caller.start("echo")
        await caller.call("run/wait", runId=run)
        trace = (await caller.call("trace/list"))["traces"][0]["traceId"]
        for id in (run, run[:-1], run.removeprefix("run_")[:12], trace, trace[:12]):
            assert (await caller.call("run/find", id=id))["runId"] == run
        await caller.start("echo")
        with pytest.raises(Conflict, match="several begin with 'run_'"):
            await caller.call("run/find", id="run_")
        for id in ("nobody", trace[:-1] + "x", "0" * 31 + "1", f"{run}x"):
            with pytest.raises(NotFound):
                await caller.call("run/find", id=id)
        with pytest.raises(InvalidParams):
            await caller.call("run/find", id="")


async def test_a_run_is_found_by_a_trace_that_somebody_else_began() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with running(scripted("echo", {"text": "Hi."})) as daemon, calling(daemon) as caller:
        run = await caller.start("echo", traceparent=f"00-{trace}-b7ad6b7169203331-01")
        assert (await caller.call("run/find", id=trace))["runId"] == run
