from pathlib import Path

import pytest
from agiwo.config import AgiwoSettings
from agiwo.observability import Span, SpanKind
from agiwo.observability.otlp import OtlpOptions
from agiwod.offer import secrets
from agiwod.settings import load_settings
from agiwod.telemetry import sending, telemetry_options
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
