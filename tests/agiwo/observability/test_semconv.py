"""Every name that a span gets from OpenTelemetry's conventions, written down: each is a promise to backends."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agent_lab import Careful, agent_in, ask, calls
from agiwo.durable import SPEC
from agiwo.llm.price import Price
from agiwo.observability import SpanKind, Trace, semconv
from agiwo.observability.tree import TraceFold
from agiwo.schema.record import Record
from agiwo.testing import RecordingTool
from engine_lab import Lab
from skill_lab import write_skill
from trace_lab import trace_of

pytestmark = pytest.mark.anyio

DONE = {"text": "Done."}

CONVERSATION = {"gen_ai.conversation.id": "session1", "session.id": "session1"}


async def traced(lab: Lab, *, capture: bool = False) -> Trace:
    refused: dict[str, Any] = {"error": {"kind": "overloaded", "message": "busy", "retryAfter": 0}}
    called = calls(("note", {"text": "x"})) | {"usage": {"inputTokens": 9, "outputTokens": 4, "cachedTokens": 5}}
    agent = agent_in(lab, refused, called, {"text": "Done."}, tools=[RecordingTool("note")])
    agent.model.price = Price(input=1_000_000, output=0)
    run = await ask(lab, agent, "Do it.")
    await lab.result(run)
    return await trace_of(lab, run, capture=capture)


def attributes(trace: Trace, kind: SpanKind) -> dict[str, Any]:
    span = next(span for span in trace.spans if span.kind == kind)
    return dict(span.attributes)


async def test_the_version_of_the_conventions_is_kept_with_each_trace(lab: Lab):
    trace = await traced(lab)
    assert trace.schema_url == "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"


async def test_the_names_of_a_run(lab: Lab):
    assert attributes(await traced(lab), SpanKind.AGENT) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.id": "agent",
        "gen_ai.agent.name": "agent",
        "gen_ai.request.model": "script",
        "agiwo.run.id": "run1",
        "agiwo.termination_reason": "completed",
        **CONVERSATION,
    }


async def test_the_names_of_a_model_call(lab: Lab):
    found = attributes(await traced(lab), SpanKind.LLM_CALL)
    assert found.pop("gen_ai.response.time_to_first_chunk") >= 0
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "script",
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": ["tool_calls"],
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "agiwo.cost_usd": 9.0,
        "agiwo.cost_basis": "known",
        "agiwo.step": "0/llm",
        **CONVERSATION,
    }


async def test_the_names_of_a_tool_call(lab: Lab):
    found = attributes(await traced(lab), SpanKind.TOOL_CALL)
    assert found.pop("gen_ai.tool.description")
    assert found == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "note",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call_1_0",
        "agiwo.step": "0.0",
        **CONVERSATION,
    }


async def test_a_tool_of_an_mcp_server_has_the_name_that_people_write(lab: Lab):
    agent = agent_in(lab, calls("mcp__files__read_file"), DONE, tools=[RecordingTool("mcp__files__read_file")])
    run = await ask(lab, agent)
    await lab.result(run)
    fold = TraceFold(run)
    fold.take(map(_with_source, await lab.records(run)))
    trace = fold.trace()
    assert trace
    assert trace.spans[2].name == "execute_tool mcp:files/read_file"
    found = attributes(trace, SpanKind.TOOL_CALL)
    assert {name: found[name] for name in ("gen_ai.tool.name", "gen_ai.tool.type")} == {
        "gen_ai.tool.name": "mcp:files/read_file",
        "gen_ai.tool.type": "extension",
    }
    assert {name: found[name] for name in found if "mcp." in name} == {
        "mcp.method.name": "tools/call",
        "agiwo.mcp.server": "files",
    }


def _with_source(record: Record) -> Record:
    """The record as it is when the tool comes from a server."""
    if record.type != SPEC:
        return record
    spec = record.data["spec"]
    tools = [{**tool, "source": "mcp:files/read_file"} for tool in spec["plan"]["tools"]]
    return record._replace(data={**record.data, "spec": {**spec, "plan": {**spec["plan"], "tools": tools}}})


async def test_a_skill_is_named_by_the_call_that_reads_it(lab: Lab, tmp_path: Path):
    write_skill(tmp_path, "tidy")
    called = calls(*(("Skill", {"skill_name": name}) for name in ("tidy", "secret")))
    agent = agent_in(lab, called, DONE, enable_skill=True, skills_dir=str(tmp_path))
    assert agent.skills
    [entry] = agent.skills.entries()
    run = await ask(lab, agent)
    await lab.result(run)
    trace = await trace_of(lab, run)
    spans = sorted(
        (span for span in trace.spans if span.kind == SpanKind.TOOL_CALL), key=lambda span: span.step_id or ""
    )
    read, refused = (span.attributes for span in spans)
    assert (read["gen_ai.skill.name"], read["gen_ai.skill.version"]) == ("tidy", entry.version)
    assert "secret" not in str(refused)


async def test_the_names_of_what_the_conventions_know_nothing_of(lab: Lab):
    assert attributes(await traced(lab), SpanKind.RETRY) == {
        "agiwo.retry.attempt": 2,
        "agiwo.retry.delay": pytest.approx(0, abs=5),
        "error.type": "overloaded",
        **CONVERSATION,
    }
    run = await ask(lab, agent_in(lab, calls("rm"), tools=[Careful("rm")], id="careful"), session="session1")
    await lab.settle()
    await lab.cancel(run)
    trace = await trace_of(lab, run)
    asked = {"gen_ai.tool.name": "rm", "agiwo.approval.outcome": "cancelled"}
    assert attributes(trace, SpanKind.APPROVAL) == asked | CONVERSATION


async def test_what_was_said_has_the_form_that_the_conventions_give_it(lab: Lab):
    trace = await traced(lab, capture=True)
    said: list[dict[str, Any]] = [
        {name: _read(text) for name, text in semconv.content(span).items()} for span in trace.spans
    ]
    user = {"role": "user", "parts": [{"type": "text", "content": "Do it."}]}
    call = {"type": "tool_call", "id": "call_1_0", "name": "note", "arguments": '{"text":"x"}'}
    asked = {"role": "assistant", "parts": [call], "finish_reason": "tool_calls"}
    own, chat, ran, last = (each for each in said if each)
    assert own["gen_ai.input.messages"] == [user]
    assert own["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Done."}]
    assert own["gen_ai.system_instructions"] == [{"type": "text", "content": ""}]
    assert chat == {"gen_ai.input.messages": [user], "gen_ai.output.messages": [asked]}
    assert ran["gen_ai.tool.call.arguments"] == {"text": "x"}
    gave = {"type": "tool_call_response", "id": "call_1_0"}
    assert last["gen_ai.input.messages"][0]["parts"][0] | gave == last["gen_ai.input.messages"][0]["parts"][0]


def _read(text: str) -> Any:
    return json.loads(text) if text[0] in "[{" else text


async def test_nothing_of_what_was_said_is_among_the_names_of_a_silent_trace(lab: Lab):
    trace = await traced(lab)
    assert [semconv.content(span) for span in trace.spans] == [{}] * len(trace.spans)
    assert replace(trace.spans[0], input_preview=None, output_preview=None) == trace.spans[0]
