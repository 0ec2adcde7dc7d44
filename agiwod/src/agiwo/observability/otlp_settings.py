"""Whether spans are sent, and where: what our settings say, and else the variables of OpenTelemetry. Sends nothing."""

from typing import Final

from agiwo.config import AgiwoSettings, variable
from agiwo.observability.otlp import OtlpOptions, Protocol

_CAPTURING: Final = {"span_only", "span_and_event", "true"}


def options_of(settings: AgiwoSettings, service: str = "agiwo") -> OtlpOptions | None:
    """How spans are sent; None when they are not."""
    is_named = settings.otlp_endpoint is not None or _either("TRACES_ENDPOINT", "ENDPOINT") is not None
    is_wanted = is_named if settings.otlp_enabled is None else settings.otlp_enabled
    if not is_wanted or (variable("OTEL_SDK_DISABLED") or "").lower() == "true":
        return None
    headers = tuple((name, value.get_secret_value()) for name, value in settings.otlp_headers.items())
    captured = (variable("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT") or "").lower() in _CAPTURING
    return OtlpOptions(
        settings.otlp_endpoint,
        settings.otlp_protocol or _protocol(),
        headers,
        _sampling() if settings.otlp_sampling_rate is None else settings.otlp_sampling_rate,
        settings.otlp_capture_content or captured,
        service,
    )


def is_for_metrics(options: OtlpOptions) -> bool:
    """Whether metrics are sent where spans are: not when only an address for spans is known, or nobody wants them."""
    if (variable("OTEL_METRICS_EXPORTER") or "").lower() == "none":
        return False
    return options.endpoint is not None or _either("METRICS_ENDPOINT", "ENDPOINT") is not None


def metric_interval() -> float:
    """Seconds between two readings that are sent."""
    try:
        return max(0.1, float(variable("OTEL_METRIC_EXPORT_INTERVAL") or 60_000) / 1000)
    except ValueError:
        return 60.0


def _either(*names: str) -> str | None:
    return next(filter(None, (variable(f"OTEL_EXPORTER_OTLP_{name}") for name in names)), None)


def _protocol() -> Protocol:
    return "grpc" if _either("TRACES_PROTOCOL", "PROTOCOL") == "grpc" else "http"


def _sampling() -> float:
    sampler = variable("OTEL_TRACES_SAMPLER") or ""
    if sampler.endswith("always_off"):
        return 0.0
    try:
        share = float(variable("OTEL_TRACES_SAMPLER_ARG") or 1.0)
    except ValueError:
        return 1.0
    return min(1.0, max(0.0, share)) if sampler.endswith("traceidratio") else 1.0
