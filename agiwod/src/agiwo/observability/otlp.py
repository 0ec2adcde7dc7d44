"""Sends spans to whoever takes OTLP, from a thread of its own. Holds up nobody, and keeps no more than it has room."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from agiwo.observability.trace import Span
from agiwo.schema.trace_context import TraceContext

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from agiwo.observability.readable import Translator

Protocol = Literal["http", "grpc"]

_ROOM: Final = 2048
"""Spans that wait to be sent; of more than that, the oldest are dropped."""

_BATCH: Final = 512
_LINGER: Final = 0.5
"""Seconds that spans wait for company."""

_FAREWELL: Final = 4.0
_LAST: Final = 1.0
"""Seconds in which everything is to be sent when it ends, and then those for a request that will not end."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OtlpOptions:
    """Where spans go. What is None or empty is what the standard variables (`OTEL_EXPORTER_OTLP_…`) say.

    An `endpoint` is a root to which the path of traces is added, unless it has a path. `sampling` is the share of
    traces that are sent; one that somebody else began is sent when they want it. `captures` sends what was said, too.
    """

    endpoint: str | None = None
    protocol: Protocol = "http"
    headers: tuple[tuple[str, str], ...] = ()
    sampling: float = 1.0
    captures: bool = False
    service: str = "agiwo"
    timeout: float | None = None

    @property
    def address(self) -> str | None:
        """The whole address for traces."""
        if self.endpoint is None or self.protocol == "grpc":
            return self.endpoint
        has_path = urlsplit(self.endpoint).path.strip("/")
        return self.endpoint if has_path else f"{self.endpoint.rstrip('/')}/v1/traces"


@dataclass(slots=True)
class Sent:
    """What became of the spans so far: `dropped` for lack of room or time, `refused` by the receiver."""

    sent: int = 0
    dropped: int = 0
    refused: int = 0


class OtlpExport:
    """Takes spans on the event loop and sends them in batches. `counts` tells what became of them."""

    def __init__(self, options: OtlpOptions) -> None:
        self.options, self.counts = options, Sent()
        self.is_failing = False
        self._waiting: deque[Span] = deque()
        self._news, self._is_closing = threading.Event(), threading.Event()
        self._under_way = 0
        self._exporter: SpanExporter | None = None
        self._thread: threading.Thread | None = None

    @property
    def captures(self) -> bool:
        """Whether it wants what was said."""
        return self.options.captures

    def samples(self, trace: str, above: TraceContext | None) -> bool:
        """Whether a trace is sent: the same answer wherever it is asked, and that of who began it, if that is told."""
        if above is not None:
            return above.is_sampled
        return int(trace[16:], 16) < self.options.sampling * 2**64

    def take(self, spans: Sequence[Span]) -> None:
        """Send these, some time, if there is room."""
        self._waiting.extend(spans)
        while len(self._waiting) > _ROOM:
            self._waiting.popleft()
            self.counts.dropped += 1
        if self._thread is None:
            # It must not keep a process from ending that forgot to close.
            self._thread = threading.Thread(target=self._work, name="otlp", daemon=True)
            self._thread.start()
        if not self._news.is_set():
            self._news.set()

    async def close(self) -> bool:
        """Send what waits, within five seconds; whether all was sent that was ever taken."""
        self._is_closing.set()
        self._news.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _FAREWELL)
            if self._thread.is_alive() and self._exporter is not None:
                await asyncio.to_thread(self._end, self._exporter, self._thread)
        self.counts.dropped += self._under_way + len(self._waiting)
        self._under_way = 0
        self._waiting.clear()
        counts = self.counts
        if counts.dropped or counts.refused:
            log.warning("%d spans were sent, %d dropped, %d refused", counts.sent, counts.dropped, counts.refused)
        return not counts.dropped and not counts.refused

    def _end(self, exporter: "SpanExporter", thread: threading.Thread) -> None:
        exporter.shutdown()
        thread.join(_LAST)

    # In the thread

    def _work(self) -> None:
        # The border to what is not ours: whatever goes wrong there is told, and costs spans alone.
        try:
            self._send_all()
        except Exception:
            log.exception("traces are sent no more")
            self.is_failing = True

    def _send_all(self) -> None:
        from agiwo.observability.readable import Translator

        exporter = self._exporter = new_exporter(self.options)
        translator = Translator(self.options.service, captures=self.captures)
        while not (self._is_closing.is_set() and not self._waiting):
            self._news.wait()
            self._news.clear()
            if len(self._waiting) < _BATCH:
                self._is_closing.wait(_LINGER)
            while self._waiting:
                self._send(exporter, translator)
        exporter.shutdown()

    def _send(self, exporter: "SpanExporter", translator: "Translator") -> None:
        batch: list[Span] = []
        while self._waiting and len(batch) < _BATCH:
            batch.append(self._waiting.popleft())
        began, self._under_way = time.monotonic(), len(batch)
        result = exporter.export([translator.readable(span) for span in batch])
        is_failing, count, self._under_way = result.name != "SUCCESS", self._under_way, 0
        if is_failing:
            self.counts.refused += count
        else:
            self.counts.sent += count
        if is_failing != self.is_failing:
            said = "refuses spans, or cannot be reached; they are dropped" if is_failing else "takes spans again"
            log.warning("after %.1f s: the receiver of traces %s", time.monotonic() - began, said)
        self.is_failing = is_failing


def new_exporter(options: OtlpOptions) -> "SpanExporter":
    """What sends spans, over HTTP or gRPC."""
    headers: Mapping[str, str] | None = dict(options.headers) or None
    if options.protocol == "http":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(options.address, headers=headers, timeout=options.timeout)
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter

    named = tuple((name.lower(), value) for name, value in options.headers) or None
    return GrpcSpanExporter(options.address, headers=named, timeout=options.timeout)
