"""The rows of the table: what every driver is told to do, and what ours may cost beside the floor. Measures nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from worker import Work


@dataclass(frozen=True)
class Row:
    """One line of the table: seconds of CPU times `scale` is the figure, in `unit`.

    A row of growth has two works, and its figure is how many times the first the second costs; the row without work is
    the first agent of a fresh process. `limit` is how many times the floor's figure ours may be (0: there is no floor).
    `below` names the peers that ours must not exceed; none of them, all of them, or one.
    """

    name: str
    tells: str
    unit: str
    scale: float
    works: Sequence[Work]
    limit: float
    below: str

    @property
    def is_growth(self) -> bool:
        """Whether the figure is the ratio of two works."""
        return len(self.works) == 2

    @property
    def target(self) -> str:
        """What ours is held to, in words."""
        beside = {"": [], "all": ["below each peer"]}.get(self.below, [f"at most {self.below}'s"])
        return ", ".join([*([f"{self.limit:g}x the floor"] if self.limit else []), *beside])


TWENTY, TWO_HUNDRED = Work("run", "tools20", times=3), Work("run", "tools200")

ROWS = {
    row.name: row
    for row in (
        Row("construct", "an agent with a tool", "µs", 1e3, [Work("construct", times=1000)], 0, "agno"),
        Row("import", "import, and an agent with a model", "ms", 1e3, [], 1.5, "all"),
        Row("run", "one run, one answer", "ms", 50, [Work("run", "text3", times=20)], 1.5, "all"),
        Row("delta", "a delta of 10,000 in a stream", "µs", 100, [Work("stream", "text10000")], 1.5, "all"),
        Row("steps", "a run of 20 tool steps", "ms", 1e3 / 3, [TWENTY], 1.5, "all"),
        Row("concurrent", "100 runs at once", "ms", 500, [Work("run", "text3", times=2, at_once=100)], 1.5, "all"),
        Row("streams", "100 streams of 100 deltas at once", "ms", 1e3, [Work("stream", "text100", 1, 100)], 1.5, "all"),
        Row("growth", "200 tool steps against 20", "x", 3, [TWENTY, TWO_HUNDRED], 1.1, ""),
    )
}
"""What is measured."""
