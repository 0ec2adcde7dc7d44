"""The rows of the SDK's table: what every driver is told to do, and what ours may cost. Measures nothing."""

from dataclasses import dataclass

from driven import PEER
from worker import Work


@dataclass(frozen=True)
class Row:
    """One line of the table: seconds of CPU times `scale` is the figure, in `unit`.

    The row without work is the first agent of a fresh process. `limit` is how many times the floor's figure ours may be
    (0: there is no floor). Every peer's figure is a limit as well. The warm-up is the work itself, unless there is one.
    `without` is a peer that cannot do it.
    """

    tells: str
    unit: str
    scale: float
    work: Work | None
    limit: float = 1.5
    warm_up: Work | None = None
    without: str = ""


FEW, MANY = "a run of 20 tool steps", "a run of 200 tool steps"
GROWTH = 1.1
"""How many times what a step of the few costs one of the many may cost."""

ROWS = (
    Row("construct an agent with a tool", "µs", 1e4, Work("construct", times=100), limit=0),
    Row("import, and a first agent with a model", "ms", 1e3, None),
    Row("one run, one answer", "ms", 50, Work("run", "text3", times=20)),
    Row("a delta of 10,000 in a stream", "µs", 100, Work("stream", "text10000"), 1.5, Work("stream", "text100"), PEER),
    Row(FEW, "ms", 1e3 / 3, Work("run", "tools20", times=3)),
    Row(MANY, "ms", 1e3, Work("run", "tools200"), warm_up=Work("run", "tools20")),
    Row("100 runs at once", "ms", 500, Work("run", "text3", 2, 100), warm_up=Work("run", "text3", 1, 100)),
    Row(
        "100 streams of 100 deltas at once",
        "ms",
        1e3,
        Work("stream", "text100", 1, 100),
        warm_up=Work("stream", "text3", 1, 100),
    ),
)
"""What is measured."""
