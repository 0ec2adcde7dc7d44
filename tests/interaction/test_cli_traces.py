"""The commands that show what runs did: a list, a waterfall, and lines for other programs."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_receiver import Receiver
from terminal_lab import Home, home_at


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("traces")) as home:
        home.run("ask", "--agent", "worker", "--session", "sums", "6*7?")
        yield home


@pytest.fixture(scope="module")
def trace(home: Home) -> dict[str, Any]:
    return home.json("traces", "list")["traces"][0]


def test_traces_are_listed_in_columns_and_filtered(home: Home, trace: dict[str, Any]):
    head, line = home.run("traces", "list").out.splitlines()
    assert head.split() == ["trace", "agent", "status", "began", "took", "models", "tools", "tokens", "cost"]
    assert line.split()[:4] == [trace["traceId"], "worker", "ok", trace["startAt"][:19]]


@pytest.mark.soak  # many commands
def test_every_filter_of_a_list_is_an_option(home: Home, trace: dict[str, Any]):
    fitting = ("--agent", "worker", "--session", "sums", "--status", "ok", "--since", "1h", "--min-duration", "1ms")
    assert home.json("traces", "list", *fitting)["traces"] == [trace]
    for option in (("--until", "1h"), ("--user", "x"), ("--max-duration", "1ms"), ("--offset", "1")):
        assert home.json("traces", "list", *option)["traces"] == []


def test_a_filter_that_cannot_be_read_is_a_usage_error(home: Home):
    ran = home.run("traces", "list", "--since", "tomorrow")
    said = "agiwod: 'tomorrow' is no time; write 2026-11-22T10:00, or how long ago, such as 3h\n"
    assert (ran.code, ran.out, ran.err) == (2, "", said)


def test_a_trace_is_drawn_as_a_waterfall_and_named_in_any_way(home: Home, trace: dict[str, Any]):
    told, drawing = home.run("traces", "show", trace["runId"], COLUMNS="80").out.split("\n\n")
    assert f"trace    {trace['traceId']}\nrun      {trace['runId']}\nsession  sums\nagent    worker\n" in told
    names = [re.split(r"  +[█▓─0]", line)[0].strip() for line in drawing.splitlines()]
    assert names[:2] == ["span", "agent worker"]
    failed = names.index("├ tool calculator ✗")  # the two ran side by side: which began first is left to chance
    assert names[failed + 1] == "│   tool_error"
    assert [*names[3:failed], *names[failed + 2 :]] == ["├ tool calculator", names[6]]
    assert max(map(len, drawing.splitlines())) <= 80
    worded = home.run("traces", "show", trace["traceId"][:9], "--content").out
    assert "│   tool_error: Error: division by zero\n" in worded


def test_a_terminal_gets_colours(home: Home, trace: dict[str, Any]):
    with home.terminal("traces", "show", trace["runId"], COLUMNS="140") as terminal:
        assert terminal.end() == 0
    assert "\x1b[31mtool calculator ✗" in terminal.seen


def test_a_trace_as_json_is_its_object_and_its_spans(home: Home, trace: dict[str, Any]):
    shown = home.json("traces", "show", trace["runId"])
    assert shown["trace"] == trace
    assert [span["kind"] for span in shown["spans"]] == ["agent", "llm_call", "tool_call", "tool_call", "llm_call"]


@pytest.mark.parametrize(("command", "id"), [("show", "z" * 32), ("export", "0" * 31 + "F")])
def test_what_nobody_has_is_told_in_one_line(home: Home, command: str, id: str):
    ran = home.run("traces", command, id)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"agiwod: no trace or run '{id}'\n  `agiwod traces list` shows which there are\n"


def test_the_transcript_of_a_run_is_found_by_its_trace_and_by_a_beginning(home: Home, trace: dict[str, Any]):
    shown = [home.run("runs", "show", id).out for id in (trace["traceId"], trace["runId"][:-3])]
    assert shown[0] == shown[1]
    assert shown[0].endswith("It is 42.\n")


def test_an_export_is_what_receivers_of_otlp_read(home: Home, trace: dict[str, Any]):
    (line,) = home.run("traces", "export", trace["runId"]).out.splitlines()
    receiver = Receiver()
    receiver.take(ParseDict(_in_base64(json.loads(line)), ExportTraceServiceRequest()))

    shown = home.json("traces", "show", trace["runId"])["spans"]
    assert receiver.schemas == {trace["schemaUrl"]}
    assert receiver.resources == [{"service.name": "agiwod"}]
    assert [(each.span_id, each.name, each.attributes) for each in receiver.spans] == [
        (each["spanId"], each["name"], each["attributes"]) for each in shown
    ]
    assert {each.trace_id for each in receiver.spans} == {trace["traceId"]}
    assert [each.kind for each in receiver.spans] == [
        f"SPAN_KIND_{'CLIENT' if each['kind'] == 'llm_call' else 'INTERNAL'}" for each in shown
    ]
    tools = {"  execute_tool calculator", "  execute_tool calculator tool_error"}
    assert set(receiver.tree()[2:4]) == tools


def _in_base64(node: Any) -> Any:
    """OTLP writes ids in hex, where the JSON of protobuf wants base64."""
    if isinstance(node, list):
        return [_in_base64(each) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    members = cast("dict[str, Any]", node)
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        name: base64.b64encode(bytes.fromhex(value)).decode() if name in ids else _in_base64(value)
        for name, value in members.items()
    }


def test_an_export_of_everything_is_a_line_a_trace_or_a_line_a_span(home: Home, trace: dict[str, Any]):
    assert len(home.run("traces", "export", "--limit", "1").out.splitlines()) == 1
    spans = [json.loads(line) for line in home.run("traces", "export", "--format", "ndjson").out.splitlines()]
    shown = home.json("traces", "show", trace["runId"])["spans"]
    told = {"traceId": trace["traceId"], "schemaUrl": trace["schemaUrl"]}
    assert spans == [{**told, **span} for span in shown]


def test_a_run_that_is_asked_for_inside_a_trace_is_part_of_it(home: Home):
    mine = "0af7651916cd43dd8448eb211c80319c"
    assert home.run("ask", "Where?", TRACEPARENT=f"00-{mine}-b7ad6b7169203331-01").code == 0
    shown = home.json("traces", "show", mine)
    assert (shown["spans"][0]["name"], shown["spans"][0]["parentSpanId"]) == ("invoke_agent quick", "b7ad6b7169203331")
