"""Where the daemon sends its traces, as its settings say, and whether the last one had sent all of its own."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from agiwo.config import AgiwoSettings, variable
from agiwo.observability.otlp import OtlpExport, OtlpOptions
from agiwo.observability.otlp_settings import options_of

from agiwod.settings import Settings

SERVICE = "agiwod"


@dataclass(frozen=True, slots=True)
class Sending:
    """The sender, if there is one, and whether it is to send again what an earlier daemon may not have sent."""

    export: OtlpExport | None
    resends: bool


def telemetry_options(settings: Settings, keys: AgiwoSettings) -> OtlpOptions | None:
    """How spans are sent: by `[telemetry]`, else by the environment; None when they are not."""
    table = settings.telemetry
    said = {
        "otlp_endpoint": table.otlp_endpoint,
        "otlp_protocol": table.otlp_protocol,
        "otlp_headers": dict(table.otlp_headers) or None,
        "otlp_sampling_rate": table.sampling_rate,
        "otlp_capture_content": table.capture_content or None,
    }
    told = {name: value for name, value in said.items() if value is not None}
    return options_of(keys.model_copy(update=told), SERVICE)


@asynccontextmanager
async def sending(options: OtlpOptions | None, mark: Path) -> AsyncGenerator[Sending]:
    """A sender that is closed behind the block. The file `mark` is there while everything is sent and nobody sends."""
    export, was_sent = OtlpExport(options) if options else None, _take(mark)
    try:
        yield Sending(export, resends=not was_sent)
    finally:
        if export is not None and await export.close():
            _leave(mark)


def _take(mark: Path) -> bool:
    was_there = mark.exists()
    mark.unlink(missing_ok=True)
    return was_there


def _leave(mark: Path) -> None:
    mark.touch(mode=0o600)


def telemetry_secrets(settings: Settings, keys: AgiwoSettings) -> dict[str, str]:
    """The headers that let spans in, by the names that stand in their place; of `Bearer KEY`, the key alone, too."""
    named = {**keys.otlp_headers, **settings.telemetry.otlp_headers}
    headers = [(name, value.get_secret_value()) for name, value in named.items()]
    for variable_name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"):
        pairs = (pair.partition("=") for pair in (variable(variable_name) or "").split(","))
        headers += [(name.strip(), unquote(value.strip())) for name, _, value in pairs]
    whole = {f"OTLP_HEADER_{name.upper()}": value for name, value in headers if value}
    return whole | {f"{name}_KEY": value.rpartition(" ")[2] for name, value in whole.items() if " " in value}
