"""Numbers: counted from what runs record, read at any moment, and written as Prometheus and OTLP have them."""

import logging
from typing import Any

import pytest
from agent_lab import agent_in, ask, calls
from agiwo.journal.memory import MemoryJournal
from agiwo.llm.price import Price
from agiwo.observability import semconv
from agiwo.observability.metrics import About, Counter, Gauge, Histogram, Reading
from agiwo.observability.otlp import OtlpOptions
from agiwo.observability.otlp_metrics import MetricExport, address_of
from agiwo.observability.prometheus import text
from agiwo.observability.run_metrics import RunMetrics
from agiwo.schema.record import RunHead
from agiwo.schema.run import RunStatus
from agiwo.testing import RecordingTool
from agiwo.tool import tool
from engine_lab import Lab
from otlp_receiver import Number, receiving, receiving_grpc

pytestmark = pytest.mark.anyio

BUSY: dict[str, Any] = {"error": {"kind": "overloaded", "message": "busy", "retryAfter": 0}}
DONE = {"text": "Done.", "usage": {"inputTokens": 1, "outputTokens": 2}}

ABOUT = About("agiwo.things", "{thing}", "Things.", ("what.kind", "error.type"))


@tool
def breaks() -> str:
    """Breaks."""
    raise RuntimeError


def test_numbers_are_kept_apart_by_their_labels_and_written_for_prometheus():
    counter = Counter(ABOUT)
    counter.add(1, "a", "")
    counter.add(2, "a", "")
    counter.add(1, 'b"\\\n', "bad")
    spread = Histogram(About("agiwo.wait", "s", "Waits."), (0.5, 1.0))
    for number in (0.25, 0.5, 0.75, 4):
        spread.add(number)
    gauge = Gauge(About("agiwo.clients", "{client}", "Clients."), lambda: {(): 3})
    assert (
        text([counter.read(), spread.read(), gauge.read()])
        == r"""# HELP agiwo_things_total Things.
# TYPE agiwo_things_total counter
agiwo_things_total{what_kind="a"} 3
agiwo_things_total{what_kind="b\"\\\n",error_type="bad"} 1
# HELP agiwo_wait_seconds Waits.
# TYPE agiwo_wait_seconds histogram
agiwo_wait_seconds_bucket{le="0.5"} 2
agiwo_wait_seconds_bucket{le="1.0"} 3
agiwo_wait_seconds_bucket{le="+Inf"} 4
agiwo_wait_seconds_sum 5.5
agiwo_wait_seconds_count 4
# HELP agiwo_clients Clients.
# TYPE agiwo_clients gauge
agiwo_clients 3
"""
    )


def test_names_that_models_invent_do_not_fill_the_memory():
    counter = Counter(ABOUT)
    for number in range(5000):
        counter.add(1, f"tool{number}", "")
    found = counter.read().points
    assert len(found) == 1001
    assert (found[-1].values, found[-1].number) == (("_other", "_other"), 4000)


async def measured(lab: Lab, *turns: Any, **options: Any) -> dict[str, Reading]:
    """What is counted of a run that says these turns."""
    metrics = RunMetrics(lab.tape.journal)
    agent = agent_in(lab, *turns, **options)
    agent.model.price = Price(input=1_000_000, output=0)
    now = lab.clock.now()
    metrics.follow(RunHead("run1", "session1", agent.id, RunStatus.QUEUED, now, now))
    await lab.result(await ask(lab, agent))
    return {reading.about.name: reading for reading in metrics.read()}


async def test_everything_that_a_run_does_is_counted_under_the_names_of_the_conventions(lab: Lab):
    lab.is_replayable = False  # the run of a replay would be counted, too
    turns = [BUSY, {**calls("note", "breaks"), "usage": {"inputTokens": 9, "outputTokens": 4, "cachedTokens": 5}}, DONE]
    found = await measured(lab, *turns, tools=[RecordingTool("note"), breaks])

    model = ("chat", "scripted", "script")
    assert found[semconv.MODEL_DURATION].about.labels == (
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "error.type",
    )
    assert [(each.values, sum(each.counts)) for each in found[semconv.MODEL_DURATION].spreads] == [((*model, ""), 2)]
    tools = {each.values: sum(each.counts) for each in found["gen_ai.execute_tool.duration"].spreads}
    assert tools == {("note", ""): 1, ("breaks", "tool_error"): 1}
    agents = {each.values: sum(each.counts) for each in found["gen_ai.invoke_agent.duration"].spreads}
    assert agents == {("agent", "completed"): 1}
    counted = {name: [(each.values, each.number) for each in found[name].points] for name in found}
    assert counted["gen_ai.client.inference.usage.input_tokens"] == [(model, 10)]
    assert counted["gen_ai.client.inference.usage.output_tokens"] == [(model, 6)]
    assert counted["gen_ai.client.inference.usage.cache_read.input_tokens"] == [(model, 5)]
    assert counted["agiwo.cost"] == [(model, 10.0)]
    assert counted["agiwo.retries"] == [(("overloaded",), 1)]


def test_every_name_is_one_of_the_conventions_or_ours():
    names = [reading.about.name for reading in RunMetrics(MemoryJournal()).read()]
    assert names == [
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.time_to_first_chunk",
        "gen_ai.client.inference.usage.input_tokens",
        "gen_ai.client.inference.usage.output_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        "gen_ai.client.inference.usage.cache_write.input_tokens",
        "gen_ai.client.inference.usage.reasoning.output_tokens",
        "agiwo.cost",
        "agiwo.retries",
        "gen_ai.execute_tool.duration",
        "gen_ai.invoke_agent.duration",
    ]


async def test_a_model_that_fails_is_counted_with_what_went_wrong(lab: Lab):
    lab.is_replayable = False
    found = await measured(lab, {"error": {"kind": "auth", "message": "no"}})
    assert [each.values for each in found["gen_ai.invoke_agent.duration"].spreads] == [("agent", "failed")]
    assert [each.values[-1] for each in found[semconv.MODEL_DURATION].spreads] == ["auth"]


def readings() -> list[Reading]:
    counter, spread = Counter(ABOUT), Histogram(About("agiwo.wait", "s", "Waits."))
    counter.add(2, "a", "")
    spread.add(0.5)
    spread.add(1.5)
    gauge = Gauge(About("agiwo.clients", "{client}", "Clients."), lambda: {(): 3})
    return [counter.read(), spread.read(), gauge.read(), Counter(About("agiwo.none", "1", "None.")).read()]


ARRIVED = {
    "agiwo.things": [Number({"what.kind": "a"}, 2)],
    "agiwo.wait": [Number({}, 2.0, 2)],
    "agiwo.clients": [Number({}, 3)],
}


async def test_numbers_arrive_over_http():
    async with receiving() as receiver:
        export = MetricExport(OtlpOptions(receiver.address))
        export.take(readings())
        await export.close()

    assert receiver.metrics == ARRIVED
    assert (set(receiver.paths), export.sent) == ({"/v1/metrics"}, 1)


@pytest.mark.soak  # loading gRPC takes longer than everything else here
async def test_numbers_arrive_over_grpc_too():
    async with receiving_grpc() as receiver:
        export = MetricExport(OtlpOptions(receiver.address, "grpc"))
        export.take(readings())
        await export.close()

    assert receiver.metrics == ARRIVED


async def test_a_receiver_that_wants_no_numbers_is_told_of_once(caplog: pytest.LogCaptureFixture):
    async with receiving("refuses") as receiver:
        export = MetricExport(OtlpOptions(receiver.address))
        with caplog.at_level(logging.WARNING, "agiwo"):
            export.take(readings())
            await export.close()

    assert (export.sent, export.is_failing) == (0, True)
    assert [record.message for record in caplog.records if record.name.startswith("agiwo")] == [
        "the receiver of traces refuses metrics, or cannot be reached"
    ]


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("http://h:4318", "http://h:4318/v1/metrics"),
        ("http://h/api/otel/v1/traces", "http://h/api/otel/v1/metrics"),
        ("http://h/elsewhere", "http://h/elsewhere"),
        (None, None),
    ],
)
def test_metrics_go_beside_the_traces(endpoint: str | None, address: str | None):
    assert address_of(OtlpOptions(endpoint)) == address
