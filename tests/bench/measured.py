"""What a bench has found out, as all of them tell it: figures beside others, and how they grow. Measures none."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter


@dataclass(frozen=True)
class Check:
    """A bound: the ratio `figure` (or the figure itself), which `tells` names, must not exceed the limit."""

    tells: str
    figure: float
    limit: float

    @property
    def is_met(self) -> bool:
        """Whether it does not."""
        return self.figure <= self.limit

    def __str__(self) -> str:
        return f"{self.tells}: {plain(self.figure)} (at most {plain(self.limit)})"


@dataclass(frozen=True)
class Line:
    """One work: what it takes us, and what it takes others, by their names; less is better. In `unit`, medians.

    The one that is the `floor` is no peer: it does the least that can be done.
    """

    work: str
    unit: str
    ours: float
    others: Mapping[str, float] = field(default_factory=dict[str, float])
    checks: Sequence[Check] = ()
    floor: str = ""

    @property
    def faster(self) -> list[str]:
        """The peers that take less than we do."""
        return [name for name, value in self.others.items() if value < self.ours and name != self.floor]


@dataclass(frozen=True)
class Curve:
    """How a figure grows with something: points `(x, y)` by whose they are."""

    name: str
    tells: str
    x: str
    y: str
    points: Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Report:
    """All that one bench has found out. `notes` say how it was measured, `absent` which peers were not there."""

    title: str
    lines: Sequence[Line]
    curves: Sequence[Curve] = ()
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    absent: Sequence[str] = ()

    @property
    def missed(self) -> list[tuple[Line, Check]]:
        """The bounds that were not met."""
        return [(line, check) for line in self.lines for check in line.checks if not check.is_met]

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: str | bytes) -> "Report":
        """From JSON."""
        return TypeAdapter(Report).validate_json(data)


def plain(value: float) -> str:
    """A number with three digits that count, and without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
