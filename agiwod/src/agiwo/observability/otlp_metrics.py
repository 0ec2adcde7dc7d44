"""Sends numbers to whoever takes OTLP, from a thread of its own. Holds up nobody, and keeps the newest reading alone.

Numbers only grow, so what was in a reading that was not sent is in the next one.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from agiwo.observability.metrics import Reading
from agiwo.observability.otlp import OtlpOptions

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData

_FAREWELL: Final = 4.0
"""Seconds in which the last reading is sent when it ends."""

log = logging.getLogger(__name__)


class _Exporter(Protocol):
    def export(self, metrics_data: "MetricsData") -> Any: ...

    def shutdown(self) -> None: ...


class MetricExport:
    """Takes readings on the event loop and sends the newest. `is_failing` while nobody takes them."""

    def __init__(self, options: OtlpOptions) -> None:
        self.options, self.sent, self.is_failing = options, 0, False
        self._started_at = time.time()
        self._newest: tuple[float, Sequence[Reading]] | None = None
        self._news, self._is_closing = threading.Event(), threading.Event()
        self._exporter: _Exporter | None = None
        self._thread: threading.Thread | None = None

    def take(self, readings: Sequence[Reading]) -> None:
        """Send this reading, some time, if no newer one comes before."""
        self._newest = time.time(), readings
        if self._thread is None:
            # It must not keep a process from ending that forgot to close.
            self._thread = threading.Thread(target=self._work, name="otlp-metrics", daemon=True)
            self._thread.start()
        self._news.set()

    async def close(self) -> None:
        """Send what waits, within five seconds."""
        self._is_closing.set()
        self._news.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _FAREWELL)
            if self._thread.is_alive() and self._exporter is not None:
                await asyncio.to_thread(self._exporter.shutdown)

    # In the thread

    def _work(self) -> None:
        # The border to what is not ours: whatever goes wrong there is told, and costs numbers alone.
        try:
            self._send_all()
        except Exception:
            log.exception("metrics are sent no more")
            self.is_failing = True

    def _send_all(self) -> None:
        from agiwo.observability.readable_metrics import MetricTranslator

        exporter = self._exporter = new_exporter(self.options)
        translator = MetricTranslator(self.options.service, self._started_at)
        while True:
            self._news.wait()
            self._news.clear()
            newest, self._newest = self._newest, None
            if newest is not None:
                self._tell(exporter.export(translator.readable(*newest)).name == "SUCCESS")
            if self._is_closing.is_set() and self._newest is None:
                break
        exporter.shutdown()

    def _tell(self, is_sent: bool) -> None:
        self.sent += is_sent
        if is_sent == self.is_failing:
            said = "takes metrics again" if is_sent else "refuses metrics, or cannot be reached"
            log.warning("the receiver of traces %s", said)
        self.is_failing = not is_sent


def address_of(options: OtlpOptions) -> str | None:
    """The whole address for metrics, which is that of traces but for its last word."""
    address = options.address
    if address is None or options.protocol == "grpc":
        return address
    return f"{address.removesuffix('/v1/traces')}/v1/metrics" if address.endswith("/v1/traces") else address


def new_exporter(options: OtlpOptions) -> _Exporter:
    """What sends numbers, over HTTP or gRPC."""
    headers: Mapping[str, str] | None = dict(options.headers) or None
    if options.protocol == "http":
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        return OTLPMetricExporter(address_of(options), headers=headers, timeout=options.timeout)
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter

    named = tuple((name.lower(), value) for name, value in options.headers) or None
    return GrpcMetricExporter(options.address, headers=named, timeout=options.timeout)
