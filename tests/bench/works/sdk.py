"""Our agent beside pydantic-ai, openai-agents, agno, LangGraph and agiwo 0.1.0: the CPU of a run.

    uv run python -m tests.bench sdk

Everybody asks the same provider, which answers over OpenAI's wire from a process of its own. Each driver has a process
of its own, too, a new one for each row, so that no row pays for what another left behind, open connections above all.
What is counted is that process's CPU, user and system. The drivers take turns in every round, because a machine's speed
drifts; a peer that takes over twice what we do is asked in the first round only, since its place is certain. A ratio is
the median over the rounds of what a driver took, divided by what the floor took in the same round.

The floor is a bare loop over httpx2: it streams on every row, splits, decodes with orjson and calls the tool. Ours
always streams, and always writes its journal (in memory). The peers are asked as their users ask them: a plain run is
not streamed, a stream is read with all its events.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from command import command
from driven import FLOOR, MODULES, OURS, Driven, driven, provider, python_of
from interpreter import AGIWO, FRAMEWORKS
from measured import Check, Curve, Line, Report
from sdk_rows import FEW, GROWTH, MANY, ROWS, Row

FAR = 2
"""How many times what we take a peer may take, and still be asked again."""

NOTES = [
    "One provider answers over OpenAI's wire; what is counted is the CPU of the process that asks. Ours streams on "
    "every row and keeps its journal in memory; `bare httpx2` is a loop that streams, decodes and calls the tool. "
    f"Who takes more than {FAR} times what we take is asked only once. agiwo 0.1.0 loses the end of a stream that it "
    "cannot keep up with, so the long one is without it."
]


def measure(rounds: int) -> Report:
    """All rows beside all that are installed."""
    chosen = {name: python for name in MODULES if (python := python_of(name))}
    absent = [name for name in MODULES if name not in chosen]
    with provider() as base_url:
        lines = {row.tells: measured(row, chosen, base_url, rounds) for row in ROWS}
    few, many = lines[FEW], lines[MANY]
    versions = {**FRAMEWORKS.found, **AGIWO.found}
    told = [*lines.values(), growth(few, many)]
    return Report("The SDK: agents and tools", told, [steps(few, many)], NOTES, versions, absent)


def measured(row: Row, chosen: Mapping[str, Path], base_url: str, rounds: int) -> Line:
    """One row, all drivers taking turns."""
    with ExitStack() as stack:
        able = {name: python for name, python in chosen.items() if name != row.without}
        drivers = [stack.enter_context(driven(name, python, base_url)) for name, python in able.items()]
        for each in drivers:
            warm_up(each, row)
        taken: dict[str, list[float]] = {each.name: [] for each in drivers}
        for _ in range(rounds):
            for name, figure in in_turn(row, drivers).items():
                taken[name].append(figure)
            drivers = [each for each in drivers if taken[each.name][0] <= FAR * taken[OURS][0]]
    return line_of(row, taken)


def warm_up(driver: Driven, row: Row) -> None:
    """Do what everybody is slow at for the first time."""
    if row.work:
        driver.do(row.warm_up or row.work)
    else:
        driver.first_agent()


def in_turn(row: Row, drivers: Sequence[Driven]) -> dict[str, float]:
    """What the row costs each, who must all have said as much, and called the tool as often."""
    if not row.work:
        return {each.name: each.first_agent() * row.scale for each in drivers}
    done = {each.name: each.do(row.work) for each in drivers}
    assert len({(each.length, each.calls) for each in done.values()}) == 1, f"{row.tells}: not all did the same: {done}"
    return {name: row.scale * each.cpu for name, each in done.items()}


def line_of(row: Row, taken: Mapping[str, Sequence[float]]) -> Line:
    """The medians, and ours held against its bounds."""
    others = {name: median(figures) for name, figures in taken.items() if name != OURS}
    ours, checks = median(taken[OURS]), list[Check]()
    if row.limit:
        ratio = median(own / floor for own, floor in zip(taken[OURS], taken[FLOOR], strict=True))
        checks.append(Check(f"of {FLOOR}", ratio, row.limit))
    peers = {name: figure for name, figure in others.items() if name != FLOOR}
    if peers:
        best = min(peers, key=lambda name: peers[name])
        checks.append(Check(f"of {best}, the best peer", ours / peers[best], 1))
    return Line(row.tells, row.unit, ours, others, checks, FLOOR)


def growth(few: Line, many: Line) -> Line:
    """What a step of the many costs beside one of the few: 10 times as many steps should cost 10 times as much."""
    others = {name: many.others[name] / few.others[name] / 10 for name in few.others}
    ours = many.ours / few.ours / 10
    return Line("a step of 200 beside one of 20", "times", ours, others, [Check("growth", ours, GROWTH)], FLOOR)


def steps(few: Line, many: Line) -> Curve:
    """What a run takes as it has more steps."""
    points = {OURS: [(20.0, few.ours), (200.0, many.ours)]}
    points |= {name: [(20.0, few.others[name]), (200.0, many.others[name])] for name in few.others}
    return Curve("sdk-steps", "A run with more and more tool steps", "tool steps", "ms of CPU", points)


if __name__ == "__main__":
    command(__doc__, measure, rounds=5)
