"""Numbers as the text that Prometheus reads. Pure."""

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from agiwo.observability.metrics import Reading, Spread, Values

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_UNITS: Final = {"s": "_seconds", "By": "_bytes", "USD": "_usd"}
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_ODD = re.compile(r"\W", re.ASCII)


def text(readings: Iterable[Reading]) -> str:
    """All of it; names and units are turned as OpenTelemetry says that they are for Prometheus."""
    return "".join(f"{line}\n" for reading in readings for line in _lines(reading))


def _lines(reading: Reading) -> Iterator[str]:
    name = f"{_name(reading.about.name)}{_UNITS.get(reading.about.unit, '')}"
    if reading.kind == "counter":
        name += "_total"
    yield f"# HELP {name} {reading.about.sentence}"
    yield f"# TYPE {name} {reading.kind}"
    labels = tuple(map(_name, reading.about.labels))
    for point in reading.points:
        yield f"{name}{_labels(labels, point.values)} {point.number!r}"
    for spread in reading.spreads:
        yield from _buckets(name, labels, reading, spread)


def _buckets(name: str, labels: Values, reading: Reading, spread: Spread) -> Iterator[str]:
    sums = list(accumulate(spread.counts))
    for bound, count in zip((*map(str, reading.bounds), "+Inf"), sums, strict=True):
        yield f"{name}_bucket{_labels((*labels, 'le'), (*spread.values, bound))} {count}"
    shown = _labels(labels, spread.values)
    yield f"{name}_sum{shown} {spread.sum!r}"
    yield f"{name}_count{shown} {sums[-1]}"


def _labels(names: Values, values: Values) -> str:
    """What a number is kept apart by; a value that is empty is none."""
    pairs = zip(names, values, strict=True)
    told = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs if value)
    return f"{{{told}}}" if told else ""


def _name(name: str) -> str:
    return _ODD.sub("_", name)
