"""Where the daemon sends its traces and metrics, as its settings say, and whether the last daemon sent it all."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from agiwo.config import AgiwoSettings, variable
from agiwo.errors import AgiwoError
from agiwo.observability.metrics import Reading
from agiwo.observability.otlp import OtlpExport, OtlpOptions
from agiwo.observability.otlp_metrics import MetricExport
from agiwo.observability.otlp_settings import is_for_metrics, metric_interval, options_of

from agiwod.settings import Settings

SERVICE = "agiwod"

log = logging.getLogger(__name__)


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


@asynccontextmanager
async def measuring(
    options: OtlpOptions | None, read: Callable[[], Awaitable[Sequence[Reading]]]
) -> AsyncGenerator[None]:
    """Numbers are sent as long as the block lasts, each minute, and once more at its end."""
    if options is None:
        yield
        return
    export = MetricExport(options)
    task = asyncio.create_task(_send_readings(export, read), name="metrics")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        export.take(await read())
        await export.close()


async def _send_readings(export: MetricExport, read: Callable[[], Awaitable[Sequence[Reading]]]) -> None:
    while True:
        await asyncio.sleep(metric_interval())
        try:
            export.take(await read())
        except AgiwoError as error:
            log.warning("the metrics could not be read: %s", error)


def metric_options(options: OtlpOptions | None, settings: Settings) -> OtlpOptions | None:
    """How numbers are sent: as spans are, if that is wanted."""
    return options if options and settings.telemetry.metrics and is_for_metrics(options) else None


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
