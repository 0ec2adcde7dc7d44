"""Numbers as OpenTelemetry's exporters take them. Loaded by the thread that sends them alone."""

from collections.abc import Mapping, Sequence

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from agiwo.observability import semconv
from agiwo.observability.metrics import Reading, Values
from agiwo.observability.readable import nanoseconds, resource_of

_CUMULATIVE = AggregationTemporality.CUMULATIVE


class MetricTranslator:
    """Translates readings of numbers that began to grow at `started_at`."""

    def __init__(self, service: str, started_at: float) -> None:
        self._resource, self._start = resource_of(service), nanoseconds(started_at)
        self._scope = InstrumentationScope("agiwo", schema_url=semconv.SCHEMA_URL)

    def readable(self, at: float, readings: Sequence[Reading]) -> MetricsData:
        """The readings of one moment for an exporter; what has no number yet is left out."""
        metrics = [self._metric(each, nanoseconds(at)) for each in readings if each.points or each.spreads]
        scoped = ScopeMetrics(self._scope, metrics, semconv.SCHEMA_URL)
        return MetricsData([ResourceMetrics(self._resource, [scoped], "")])

    def _metric(self, reading: Reading, at: int) -> Metric:
        about = reading.about
        return Metric(about.name, about.sentence, about.unit, self._data(reading, at))

    def _data(self, reading: Reading, at: int) -> Sum | Gauge | Histogram:
        if reading.kind == "histogram":
            return Histogram(self._spreads(reading, at), _CUMULATIVE)
        labels = reading.about.labels
        points = [
            NumberDataPoint(_attributes(labels, point.values), self._start, at, point.number)
            for point in reading.points
        ]
        return Gauge(points) if reading.kind == "gauge" else Sum(points, _CUMULATIVE, is_monotonic=True)

    def _spreads(self, reading: Reading, at: int) -> list[HistogramDataPoint]:
        return [
            HistogramDataPoint(
                _attributes(reading.about.labels, spread.values),
                self._start,
                at,
                sum(spread.counts),
                spread.sum,
                spread.counts,
                reading.bounds,
                min=spread.least,
                max=spread.most,
            )
            for spread in reading.spreads
        ]


def _attributes(labels: Values, values: Values) -> Mapping[str, str]:
    return {label: value for label, value in zip(labels, values, strict=True) if value}
