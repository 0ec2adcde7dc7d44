import asyncio
from pathlib import Path

import pytest
from agiwo.config import AgiwoSettings
from agiwo.observability import Span, SpanKind
from agiwo.observability.metrics import About, Counter, Reading
from agiwo.observability.otlp import OtlpOptions
from agiwod.offer import secrets
from agiwod.settings import load_settings
from agiwod.telemetry import measuring, metric_options, sending, telemetry_options
from otlp_receiver import receiving

pytestmark = pytest.mark.anyio

WHOLE = """
[telemetry]
otlp_endpoint = "https://traces.example.com"
otlp_protocol = "grpc"
otlp_headers = { authorization = "Bearer open-sesame" }
sampling_rate = 0.5
capture_content = true
"""


def options(home: Path, config: str) -> OtlpOptions | None:
    (home / "config.toml").write_text(config)
    return telemetry_options(load_settings(home, environ={}), AgiwoSettings())


def test_the_settings_say_where_spans_go(tmp_path: Path):
    assert options(tmp_path, "") is None
    assert options(tmp_path, WHOLE) == OtlpOptions(
        "https://traces.example.com", "grpc", (("authorization", "Bearer open-sesame"),), 0.5, True, "agiwod"
    )


def test_the_environment_says_it_where_the_settings_are_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere")
    assert options(tmp_path, "") == OtlpOptions(service="agiwod")
    assert options(tmp_path, '[telemetry]\notlp_endpoint = "http://here"') == OtlpOptions(
        "http://here", service="agiwod"
    )


def test_what_lets_spans_in_is_kept_from_everything_that_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=swordfish%20two, x-other=three-three")
    (tmp_path / "config.toml").write_text(WHOLE)
    settings = load_settings(tmp_path, environ={})
    hidden = secrets(settings, AgiwoSettings()).values()
    assert {"Bearer open-sesame", "open-sesame", "swordfish two", "three-three"} <= set(hidden)
    assert "sesame" not in str(list(settings.entries()))


async def test_a_later_daemon_sends_again_what_an_earlier_one_may_not_have_sent(tmp_path: Path):
    mark, span = tmp_path / "mark", Span("1" * 16, "1" * 32, SpanKind.AGENT, "a", 1, 2)
    async with receiving() as receiver:
        async with sending(OtlpOptions(receiver.address), mark) as first:
            assert (first.resends, mark.exists()) == (True, False)
        async with sending(OtlpOptions(receiver.address), mark) as second:
            assert (second.resends, mark.exists()) == (False, False)
            receiver.mood = "refuses"
            assert second.export
            second.export.take([span])
        async with sending(None, mark) as third:
            assert third.resends
    assert not mark.exists()


def test_metrics_go_where_traces_go_unless_somebody_does_not_want_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def wanted(config: str) -> bool:
        (tmp_path / "config.toml").write_text(config)
        settings = load_settings(tmp_path, environ={})
        return metric_options(telemetry_options(settings, AgiwoSettings()), settings) is not None

    here = '[telemetry]\notlp_endpoint = "http://here"\n'
    assert (wanted(""), wanted(here), wanted(f"{here}metrics = false")) == (False, True, False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://spans-alone")
    assert not wanted("")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere")
    assert wanted("")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    assert not wanted(here)


async def test_metrics_are_sent_again_and_again_and_once_more_at_the_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    read_again, counter = asyncio.Event(), Counter(About("agiwo.reads", "{read}", "Readings."))

    async def read() -> list[Reading]:
        counter.add(1)
        if counter.read().points[0].number == 2:
            read_again.set()
        return [counter.read()]

    async with receiving() as receiver:
        async with measuring(OtlpOptions(receiver.address), read):
            await read_again.wait()
        [arrived] = receiver.metrics["agiwo.reads"]
    assert arrived.number == counter.read().points[0].number >= 3
