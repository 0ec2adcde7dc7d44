"""Spans that are sent elsewhere: what arrives at a real receiver, and what it costs when there is none."""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from agent_lab import CheckedModel, calls
from agiwo.agent import Agent, AgentOptions, RunStepStorageConfig
from agiwo.config import AgiwoSettings, use_settings
from agiwo.observability import Span, SpanKind, SpanStatus
from agiwo.observability.otlp import OtlpExport, OtlpOptions
from agiwo.observability.otlp_settings import options_of
from agiwo.schema.trace_context import TraceContext
from agiwo.testing import RecordingTool
from agiwo.tool import tool
from otlp_receiver import receiving, receiving_grpc
from pydantic import SecretStr

pytestmark = pytest.mark.anyio

DONE: dict[str, Any] = {"text": "Done."}
BUSY: dict[str, Any] = {"error": {"kind": "overloaded", "message": "busy", "retryAfter": 0}}
HANGING: dict[str, Any] = {"text": "so far", "hang": True}


@pytest.fixture(autouse=True)
def no_settings_remain() -> Generator[None]:
    yield
    use_settings(None)


@tool
def breaks() -> str:
    """Breaks."""
    raise RuntimeError("the password is swordfish")


def agent(*turns: Any, options: AgentOptions | None = None) -> Agent:
    """One that has a child, a tool that works and one that does not."""
    child = Agent("child", "Does as told.", CheckedModel(turns=[DONE]), [])
    tools = [RecordingTool("note"), breaks, child.as_tool()]
    return Agent("agent", "Does as told.", CheckedModel(turns=turns), tools, options=options)


def spans(count: int) -> list[Span]:
    numbers = range(1, count + 1)
    return [Span(f"{n:016x}", f"{n:032x}", SpanKind.AGENT, "a", 1, 2, status=SpanStatus.OK) for n in numbers]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the last spans have less time."""
    monkeypatch.setattr("agiwo.observability.otlp._FAREWELL", 0.1)
    monkeypatch.setattr("agiwo.observability.otlp._LAST", 0.1)


async def test_what_is_exported_arrives_as_one_tree_over_a_restart(tmp_path: Path):
    kept = AgentOptions(run_step_storage=RunStepStorageConfig("sqlite", {"db_path": str(tmp_path / "runs.db")}))
    begun = [BUSY, calls("note", "breaks", ("child", {"task": "x"}))]
    async with receiving() as receiver:
        use_settings(AgiwoSettings(otlp_endpoint=receiver.address))
        first = agent(*begun, HANGING, options=kept)
        handle = await first.start("Go.")
        async for event in handle.stream():
            if event.delta and event.delta.content == "so far":
                break
        await first.close()
        second = agent(*begun, DONE, options=kept)
        await (await second.attach(handle.run_id)).wait()
        await second.close()

    assert receiver.tree() == [
        "invoke_agent agent",
        "  chat script",
        "    retry",
        "  execute_tool note",
        "  execute_tool breaks tool_error",
        "  execute_tool child",
        "    invoke_agent child",
        "      chat script",
        "  invoke_agent agent",
        "    chat script",
    ]
    assert len({span.trace_id for span in receiver.spans}) == 1
    linked = [span for span in receiver.spans if span.links]
    assert [span.name for span in linked] == ["invoke_agent agent"]


async def test_spans_arrive_with_their_kinds_names_and_places():
    async with receiving() as receiver:
        use_settings(AgiwoSettings(otlp_endpoint=receiver.address, otlp_headers={"x-key": SecretStr("opensesame")}))
        one = agent(calls("breaks"), DONE)
        output = await one.run("Go.")
        await one.close()

    assert (set(receiver.paths), receiver.schemas) == (
        {"/v1/traces"},
        {"https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"},
    )
    assert receiver.headers[0]["x-key"] == "opensesame"
    assert receiver.resources[0]["service.name"] == "agiwo"
    own, chat, failed, _ = sorted(receiver.spans, key=lambda span: span.start)
    assert [own.kind, chat.kind, failed.kind] == ["SPAN_KIND_INTERNAL", "SPAN_KIND_CLIENT", "SPAN_KIND_INTERNAL"]
    assert own.attributes["agiwo.run.id"] == output.run_id
    assert chat.attributes["gen_ai.response.finish_reasons"] == ["tool_calls"]
    assert own.start <= chat.start <= chat.end <= own.end
    assert (failed.status, failed.message) == ("STATUS_CODE_ERROR", "")


@pytest.mark.soak  # loading gRPC takes longer than everything else here
async def test_spans_arrive_over_grpc_too():
    async with receiving_grpc() as receiver:
        headers = {"X-Key": SecretStr("opensesame")}
        use_settings(AgiwoSettings(otlp_endpoint=receiver.address, otlp_protocol="grpc", otlp_headers=headers))
        one = agent(calls("breaks"), DONE)
        await one.run("Go.")
        await one.close()

    assert receiver.tree() == [
        "invoke_agent agent",
        "  chat script",
        "  execute_tool breaks tool_error",
        "  chat script",
    ]
    assert receiver.headers[0]["x-key"] == "opensesame"


async def test_what_was_said_is_sent_only_when_that_is_switched_on():
    said: list[str] = []
    for captures in (False, True):
        async with receiving() as receiver:
            use_settings(AgiwoSettings(otlp_endpoint=receiver.address, otlp_capture_content=captures))
            one = agent(calls("breaks"), DONE)
            await one.run("The question is life.")
            await one.close()
        said.append(repr(receiver.spans))

    silent, telling = said
    assert "life" not in silent
    assert "swordfish" not in silent
    assert "life" in telling
    assert "Error: RuntimeError: the password is swordfish" in telling


@pytest.mark.usefixtures("impatient")
async def test_a_run_does_not_notice_that_nobody_takes_its_spans(caplog: pytest.LogCaptureFixture):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    use_settings(AgiwoSettings(otlp_endpoint=f"http://127.0.0.1:{port}"))
    with caplog.at_level(logging.CRITICAL):
        one = agent(*[calls("note")] * 5, DONE)
        outputs = [await one.run("Go.") for _ in range(3)]
        await one.close()

    assert [output.response for output in outputs] == ["Done."] * 3


@pytest.mark.usefixtures("impatient")
async def test_what_there_is_no_room_for_is_dropped_and_counted(caplog: pytest.LogCaptureFixture):
    async with receiving("hangs") as receiver:
        export = OtlpExport(OtlpOptions(receiver.address, timeout=0.5))
        for _ in range(10):
            export.take(spans(1000))
        with caplog.at_level(logging.CRITICAL):
            assert not await export.close()

    assert export.counts.sent == 0
    on_the_way = 512  # the batch that was taken out of the queue, which may fill up behind it
    assert export.counts.dropped >= 10_000 - 2048 - on_the_way
    assert export.counts.dropped + export.counts.refused == 10_000


async def test_a_receiver_that_refuses_is_told_of_once_and_its_spans_are_counted(caplog: pytest.LogCaptureFixture):
    async with receiving("refuses") as receiver:
        export = OtlpExport(OtlpOptions(receiver.address))
        with caplog.at_level(logging.WARNING, "agiwo"):
            export.take(spans(1500))
            await export.close()

    assert (export.counts.sent, export.counts.refused) == (0, 1500)
    assert len([record for record in caplog.records if "refuses spans" in record.message]) == 1


async def test_everything_is_sent_before_the_end():
    async with receiving() as receiver:
        export = OtlpExport(OtlpOptions(receiver.address))
        export.take(spans(2000))
        assert await export.close()

    assert len(receiver.spans) == export.counts.sent == 2000


async def test_a_receiver_that_speaks_nonsense_harms_nobody(caplog: pytest.LogCaptureFixture):
    for endpoint in ("nonsense", "ftp://example.invalid"):
        export = OtlpExport(OtlpOptions(endpoint, timeout=0.2))
        export.take(spans(3))
        with caplog.at_level(logging.CRITICAL):
            assert not await export.close()


def test_an_endpoint_is_a_root_unless_it_has_a_path():
    assert OtlpOptions("http://host:4318").address == "http://host:4318/v1/traces"
    assert OtlpOptions("http://host:4318/").address == "http://host:4318/v1/traces"
    assert OtlpOptions("https://host/api/otel/v1/traces").address == "https://host/api/otel/v1/traces"
    assert OtlpOptions("http://host:4317", "grpc").address == "http://host:4317"
    assert OtlpOptions().address is None


def test_a_share_of_the_traces_is_sent_and_of_others_what_they_want():
    export = OtlpExport(OtlpOptions(sampling=0.25))
    traces = [f"{n * 2**118:032x}"[::-1] for n in range(1, 1000)]
    assert export.samples(traces[0], TraceContext(traces[0], "a" * 16, is_sampled=True))
    assert not export.samples(traces[0], TraceContext(traces[0], "a" * 16, is_sampled=False))
    assert [export.samples(trace, None) for trace in traces] == [export.samples(trace, None) for trace in traces]
    assert not OtlpExport(OtlpOptions(sampling=0.0)).samples("f" * 32, None)
    assert OtlpExport(OtlpOptions(sampling=1.0)).samples("f" * 32, None)


@pytest.mark.parametrize(
    ("environ", "options"),
    [
        ({}, None),
        ({"AGIWO_OTLP_ENDPOINT": "http://h"}, OtlpOptions("http://h")),
        ({"AGIWO_OTLP_ENDPOINT": "http://h", "AGIWO_OTLP_ENABLED": "false"}, None),
        ({"AGIWO_OTLP_ENABLED": "true"}, OtlpOptions()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, OtlpOptions()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, OtlpOptions(None, "grpc")),
        (
            {"AGIWO_OTLP_ENDPOINT": "http://h", "AGIWO_OTLP_PROTOCOL": "grpc", "AGIWO_OTLP_HEADERS": '{"a": "b"}'},
            OtlpOptions("http://h", "grpc", (("a", "b"),)),
        ),
        (
            {"AGIWO_OTLP_ENDPOINT": "http://h", "AGIWO_OTLP_SAMPLING_RATE": "0.5", "AGIWO_OTLP_CAPTURE_CONTENT": "1"},
            OtlpOptions("http://h", sampling=0.5, captures=True),
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h",
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0.25",
                "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
            },
            OtlpOptions(sampling=0.25, captures=True),
        ),
    ],
)
def test_the_environment_says_where_spans_go(
    environ: dict[str, str], options: OtlpOptions | None, monkeypatch: pytest.MonkeyPatch
):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert options_of(AgiwoSettings()) == options


async def test_the_standard_variables_say_the_rest(monkeypatch: pytest.MonkeyPatch):
    async with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{receiver.address}/prefix")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=ours")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "lab")
        one = agent(DONE)
        await one.run("Go.")
        await one.close()

    assert receiver.paths == ["/prefix/v1/traces"]
    assert receiver.headers[0]["x-team"] == "ours"
    assert receiver.resources[0]["service.name"] == "lab"


async def test_agents_of_one_process_share_their_sender():
    async with receiving() as receiver:
        use_settings(AgiwoSettings(otlp_endpoint=receiver.address))
        agents = [agent(DONE) for _ in range(3)]
        await asyncio.gather(*(each.run("Go.") for each in agents))
        for each in agents:
            await each.close()

    assert len(receiver.spans) == 6
    assert len(receiver.paths) == 1


def test_a_run_loads_nothing_of_an_exporter_when_nothing_is_exported(tmp_path: Path):
    program = (
        "import asyncio, sys\n"
        "from agiwo import Agent\n"
        "from agiwo.testing import ScriptedModel\n"
        "agent = Agent('a', '', ScriptedModel(turns=[{'text': 'Hi.'}]), [])\n"
        "asyncio.run(agent.run('Go.'))\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"opentelemetry", "grpc", "requests", "pydantic", "agiwo.observability.otlp"} & loaded == set()
