"""A receiver of OTLP on a real socket, over HTTP or gRPC: decodes what comes, or misbehaves as it is told."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

Mood = Literal["takes", "refuses", "hangs"]


@dataclass(frozen=True)
class Arrived:
    """A span as it arrived."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    status: str
    message: str
    start: int
    end: int
    links: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Number:
    """A number as it arrived; of a histogram the sum, and how many there were."""

    attributes: Mapping[str, Any]
    number: float
    count: int = 1


@dataclass
class Receiver:
    """What has come so far."""

    address: str = ""
    mood: Mood = "takes"
    paths: list[str] = field(default_factory=list[str])
    headers: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    spans: list[Arrived] = field(default_factory=list[Arrived])
    resources: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    schemas: set[str] = field(default_factory=set[str])
    metrics: dict[str, list[Number]] = field(default_factory=dict[str, "list[Number]"])
    """The newest numbers by their names."""

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Decode a request."""
        for group in request.resource_spans:
            self.resources.append({each.key: _value(each.value) for each in group.resource.attributes})
            for scoped in group.scope_spans:
                self.schemas.add(scoped.schema_url)
                self.spans += [_arrived(span) for span in scoped.spans]

    def take_metrics(self, request: ExportMetricsServiceRequest) -> None:
        """Decode a request with numbers."""
        for group in request.resource_metrics:
            for metric in (each for scoped in group.scope_metrics for each in scoped.metrics):
                points: Any = getattr(metric, metric.WhichOneof("data") or "sum").data_points
                self.metrics[metric.name] = [_number(point) for point in points]

    def tree(self) -> list[str]:
        """A line a span: how deep, its name, and whether it failed."""
        below: dict[str, list[Arrived]] = {}
        for span in sorted({span.span_id: span for span in self.spans}.values(), key=lambda span: span.start):
            below.setdefault(span.parent_id, []).append(span)

        def lines(parent: str, indent: str) -> list[str]:
            found: list[str] = []
            for span in below.get(parent, ()):
                error = [span.attributes["error.type"]] if span.status == "STATUS_CODE_ERROR" else []
                found += [" ".join([f"{indent}{span.name}", *error]), *lines(span.span_id, f"{indent}  ")]
            return found

        return lines("", "")


def _arrived(span: WireSpan) -> Arrived:
    return Arrived(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        WireSpan.SpanKind.Name(span.kind),
        type(span.status).StatusCode.Name(span.status.code),
        span.status.message,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        tuple(link.span_id.hex() for link in span.links),
        {each.key: _value(each.value) for each in span.attributes},
    )


def _number(point: Any) -> Number:
    attributes = {each.key: _value(each.value) for each in point.attributes}
    if hasattr(point, "bucket_counts"):
        return Number(attributes, point.sum, point.count)
    return Number(attributes, getattr(point, point.WhichOneof("value")))


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value") or "string_value"
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


@asynccontextmanager
async def receiving(mood: Mood = "takes") -> AsyncGenerator[Receiver]:
    """A receiver over HTTP."""
    receiver = Receiver(mood=mood)
    open_ones: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        open_ones.add(task)
        try:
            while True:
                await _answer(receiver, reader, writer)
        except (asyncio.CancelledError, OSError, EOFError):
            pass  # the test is over, or the sender
        finally:
            writer.close()
            open_ones.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    receiver.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield receiver
    finally:
        server.close()
        for task in list(open_ones):
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)


async def _answer(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    receiver.paths.append(first.split()[1])
    receiver.headers.append(headers)
    if receiver.mood == "hangs":
        await asyncio.Event().wait()
    if receiver.mood == "takes" and first.split()[1].endswith("/v1/metrics"):
        receiver.take_metrics(ExportMetricsServiceRequest.FromString(body))
    elif receiver.mood == "takes":
        receiver.take(ExportTraceServiceRequest.FromString(body))
    status = "200 OK" if receiver.mood == "takes" else "400 Bad Request"
    answer = ExportTraceServiceResponse().SerializeToString()
    fields = f"content-type: application/x-protobuf\r\ncontent-length: {len(answer)}"
    writer.write(f"HTTP/1.1 {status}\r\n{fields}\r\n\r\n".encode() + answer)
    await writer.drain()


@asynccontextmanager
async def receiving_grpc() -> AsyncGenerator[Receiver]:
    """A receiver over gRPC."""
    import grpc.aio

    receiver = Receiver()

    async def take(request: bytes, context: Any) -> bytes:
        receiver.headers.append(dict(context.invocation_metadata()))
        receiver.take(ExportTraceServiceRequest.FromString(request))
        return ExportTraceServiceResponse().SerializeToString()

    async def take_metrics(request: bytes, context: Any) -> bytes:
        receiver.take_metrics(ExportMetricsServiceRequest.FromString(request))
        return ExportTraceServiceResponse().SerializeToString()

    def service(path: str, take: Any) -> Any:
        return grpc.method_handlers_generic_handler(path, {"Export": grpc.unary_unary_rpc_method_handler(take)})

    path = "opentelemetry.proto.collector"
    server: Any = grpc.aio.server()
    server.add_generic_rpc_handlers((service(f"{path}.trace.v1.TraceService", take),))
    server.add_generic_rpc_handlers((service(f"{path}.metrics.v1.MetricsService", take_metrics),))
    receiver.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield receiver
    finally:
        await server.stop(None)
